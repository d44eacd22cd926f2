-- Ends a run. `field` is 'result', 'error' or empty, and `value` what it gets.
-- Returns 1; 0 if the run is over, or another worker has begun it since.
local run = tonumber(ARGV[10])
local holder = ARGV[11]
local final = ARGV[12]
local field = ARGV[13]
local value = ARGV[14]

if not is_held_by(run, holder) then return 0 end
if field ~= '' then redis.call('HSET', record, field, value) end
finish(final)
return 1
