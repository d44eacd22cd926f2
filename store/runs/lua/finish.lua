-- Ends a run, with its result or its error in a field of that name, or with neither. Returns whether it did.
local run = tonumber(ARGV[12])
local final = ARGV[13]
local field = ARGV[14]
local value = ARGV[15]

if not is_run(run) or not pending then return 0 end
if field ~= '' then redis.call('HSET', record, field, value) end
finish(final)
return 1
