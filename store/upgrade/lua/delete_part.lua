-- Deletes a request, a history or a lease of release 0.1.0 whose job is gone. Returns 1; 0 if there is the job.
local old_record = KEYS[1]
local part = KEYS[2]

if redis.call('EXISTS', old_record) == 1 then return 0 end
redis.call('DEL', part)
return 1
