-- Logs a user in on a phone, and out of the phone where he was, in one step.
--
-- KEYS[1] the logins, a hash {prefix:policy}:logins: revision, "tenant NUL phone" → JSON
-- KEYS[2] where each user is, a hash {prefix:policy}:logins:users: "tenant NUL user" → phone
-- KEYS[3] the trail, a list {prefix:policy}:logins:audit: "revision JSON", the newest first
-- ARGV[1] tenant
-- ARGV[2] phone
-- ARGV[3] user id
-- ARGV[4] the login, JSON
-- ARGV[5] the entry of the trail, JSON without what this script finds
-- ARGV[6] the channel on which the new revision is told
-- ARGV[7] how many entries of the trail are kept
-- Returns {revision, who was logged in there or '', the phone the user has left or ''}.

local here, user = ARGV[1] .. '\0' .. ARGV[2], ARGV[1] .. '\0' .. ARGV[3]
local entry = cjson.decode(ARGV[5])

local replaced = ''
local was = redis.call('HGET', KEYS[1], here)
if was then
  local id = cjson.decode(was).user_id
  if id ~= ARGV[3] then
    replaced = id
    entry.replaced = id
    redis.call('HDEL', KEYS[2], ARGV[1] .. '\0' .. id)
  end
end
local left = redis.call('HGET', KEYS[2], user) or ''
if left == ARGV[2] then
  left = ''
end
if left ~= '' then
  entry.left = left
  redis.call('HDEL', KEYS[1], ARGV[1] .. '\0' .. left)
end
redis.call('HSET', KEYS[1], here, ARGV[4])
redis.call('HSET', KEYS[2], user, ARGV[2])

-- HINCRBY counts in 64 bits, where Lua would in doubles.
redis.call('HINCRBY', KEYS[1], 'revision', 1)
local revision = redis.call('HGET', KEYS[1], 'revision')
redis.call('LPUSH', KEYS[3], revision .. ' ' .. cjson.encode(entry))
redis.call('LTRIM', KEYS[3], 0, tonumber(ARGV[7]) - 1)
redis.call('PUBLISH', ARGV[6], revision)
return {revision, replaced, left}
