-- Tells how a feed stands.
--
-- KEYS[1] the lease, KEYS[2] the stream
-- Returns {token, ms left, n}.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local h = redis.call('HMGET', KEYS[1], 'token', 'until', 'ttl', 'at')
local left = tonumber(h[2] or '0') - now
if left < 0 or left > tonumber(h[3] or '0') then
  left = 0
end
local n = string.match(h[4] or '', '%-(%d+)')
local last = redis.pcall('XINFO', 'STREAM', KEYS[2]) -- an error if there is none
for i = 1, #last, 2 do
  if last[i] == 'last-generated-id' then
    n = string.match(last[i + 1], '%-(%d+)')
  end
end
return {tonumber(h[1] or '0'), left, tonumber(n or '0')}
