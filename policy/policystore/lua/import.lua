-- Replaces the policy document if it is still of the revision that the writer had seen.
--
-- KEYS[1] the document, a hash {prefix:policy}:document: revision, json, imported
-- KEYS[2] the audit trail, a list {prefix:policy}:audit: "revision JSON", the newest first
-- ARGV[1] the revision the writer had seen in decimal (0 = none), or "any"
-- ARGV[2] the new document, JSON or that in gzip
-- ARGV[3] now, RFC 3339, for people
-- ARGV[4] the channel on which the new revision is told
-- ARGV[5] the audit entry, JSON
-- ARGV[6] how many audit entries are kept
-- Returns {1, new revision} or {0, stored revision}, revisions as strings.

local stored = redis.call('HGET', KEYS[1], 'revision') or '0'
if ARGV[1] ~= 'any' and ARGV[1] ~= stored then
  return {0, stored}
end
redis.call('HSET', KEYS[1], 'json', ARGV[2], 'imported', ARGV[3])
-- HINCRBY counts in 64 bits, where Lua would in doubles.
redis.call('HINCRBY', KEYS[1], 'revision', 1)
local revision = redis.call('HGET', KEYS[1], 'revision')
redis.call('LPUSH', KEYS[2], revision .. ' ' .. ARGV[5])
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[6]) - 1)
redis.call('PUBLISH', ARGV[4], revision)
return {1, revision}
