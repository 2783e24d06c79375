-- Tells how the replicas' clock stands.
--
-- KEYS[1] the clock, a hash: at, the latest that any replica said, ms; redis, when, ms by the clock of Redis
-- KEYS[2] the replicas, a hash
-- Returns {at, redis, now by the clock of Redis, how many replicas there are or were}; 0 = there is no such.

local t, h = redis.call('TIME'), redis.call('HMGET', KEYS[1], 'at', 'redis')
return {tonumber(h[1] or '0'), tonumber(h[2] or '0'), t[1] * 1000 + math.floor(t[2] / 1000), redis.call('HLEN', KEYS[2])}
