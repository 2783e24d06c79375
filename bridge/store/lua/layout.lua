-- Makes the layout of a new store, or raises an older one, so that older programs refuse it.
--
-- KEYS[1] {prefix}:meta, a hash: schema, shards
-- ARGV[1] our schema
-- ARGV[2] our number of shards
-- Returns {schema, shards}: ours, or what is there and is not ours to change.

local schema = redis.call('HGET', KEYS[1], 'schema')
local shards = redis.call('HGET', KEYS[1], 'shards')
if shards and shards ~= ARGV[2] then
  return {schema or ARGV[1], shards}
end
if not schema or (tonumber(schema) or tonumber(ARGV[1])) < tonumber(ARGV[1]) then
  schema = ARGV[1]
end
redis.call('HSET', KEYS[1], 'schema', schema, 'shards', ARGV[2])
return {schema, ARGV[2]}
