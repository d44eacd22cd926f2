-- Raises a counter to the value under its old key, and deletes that key. Returns 1; 0 if there is no old key.
local old = KEYS[1]
local new = KEYS[2]

local last = redis.call('GET', old)
if not last then return 0 end
if tonumber(redis.call('GET', new) or 0) < tonumber(last) then redis.call('SET', new, last) end
redis.call('DEL', old)
return 1
