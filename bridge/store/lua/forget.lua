-- Deletes an entry of a shard that its owner knows nothing of.
--
-- KEYS[1] epoch of the shard, KEYS[2] its entries
-- ARGV[1] its owner's epoch, ARGV[2] key, ARGV[3] its value as it was read
-- Returns 1, or 0 if the shard is another's or the entry has another value now.

if tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0') ~= tonumber(ARGV[1]) or redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[3] then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[2])
return 1
