-- One row per 15-minute slot that holds any row of message_actions; a slot without rows has no row here.
SELECT
    toStartOfFifteenMinutes(time) AS ts,
    uniqExact(user_id) AS users_message,
    count() AS sent_message
FROM {db}.message_actions
WHERE time >= {start} AND time < {end}
GROUP BY ts
ORDER BY ts
