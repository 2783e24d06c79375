-- Counts a subscription that was taken of a replica, if that lives.
--
-- KEYS[1] the replicas, KEYS[2] what others took of a replica, a hash: name -> count
-- ARGV[1] its name

if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
  redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
end
return 1
