-- Ends a run. `field` is 'result', 'error' or empty, and `value` what it gets. Returns 1; 0 if the run is over.
local run = tonumber(ARGV[12])
local final = ARGV[13]
local field = ARGV[14]
local value = ARGV[15]

if not is_run(run) or not pending then return 0 end
if field ~= '' then redis.call('HSET', record, field, value) end
finish(final)
return 1
