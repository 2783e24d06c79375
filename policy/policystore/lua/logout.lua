-- Logs out whoever is logged in on a phone.
--
-- KEYS    as those of login.lua
-- ARGV[1] tenant
-- ARGV[2] phone
-- ARGV[3] the entry of the trail, JSON without the login
-- ARGV[4] the channel on which the new revision is told
-- ARGV[5] how many entries of the trail are kept
-- Returns {} if nobody is logged in there, else {revision, the login, JSON}.

local here = ARGV[1] .. '\0' .. ARGV[2]
local was = redis.call('HGET', KEYS[1], here)
if not was then
  return {}
end
local login, entry = cjson.decode(was), cjson.decode(ARGV[3])
entry.user_id, entry.profile = login.user_id, login.profile
redis.call('HDEL', KEYS[1], here)
redis.call('HDEL', KEYS[2], ARGV[1] .. '\0' .. login.user_id)

redis.call('HINCRBY', KEYS[1], 'revision', 1)
local revision = redis.call('HGET', KEYS[1], 'revision')
redis.call('LPUSH', KEYS[3], revision .. ' ' .. cjson.encode(entry))
redis.call('LTRIM', KEYS[3], 0, tonumber(ARGV[5]) - 1)
redis.call('PUBLISH', ARGV[4], revision)
return {revision, was}
