-- One row per 15-minute slot that holds any row of feed_actions; a slot without rows has no row here.
-- Times are compared as DateTime on both sides: old servers compare a DateTime with a Date as bare numbers.
SELECT
    toStartOfFifteenMinutes(time) AS ts,
    uniqExact(user_id) AS users_feed,
    countIf(action = 'view') AS views,
    countIf(action = 'like') AS likes,
    if(views = 0, nan, likes / views) AS ctr
FROM {db}.feed_actions
WHERE time >= {start} AND time < {end}
GROUP BY ts
ORDER BY ts
