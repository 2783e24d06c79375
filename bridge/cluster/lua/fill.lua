-- Writes devices to a hash that is being made, and dies if nobody finishes it.
--
-- KEYS[1] the devices
-- ARGV[1] how long it lives unless it is finished, ms; ARGV[2 ..] device, status ...

local STEP = 1000 -- Lua's stack bounds the arguments of one call
for i = 2, #ARGV, STEP do
  redis.call('HSET', KEYS[1], unpack(ARGV, i, math.min(i + STEP - 1, #ARGV)))
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
