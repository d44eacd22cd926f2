-- Ends a run. `field` is 'result', 'error' or empty, and `value` what it gets. `phase` is the last one of the work, with
-- its progress, or empty: then the record keeps the last that was written.
-- Returns 1; 0 if the run is over, or another worker has begun it since.
local run = tonumber(ARGV[10])
local holder = ARGV[11]
local final = ARGV[12]
local field = ARGV[13]
local value = ARGV[14]
local phase = ARGV[15]
local done = tonumber(ARGV[16])
local total = tonumber(ARGV[17])

if not is_held_by(run, holder) then return 0 end
if field ~= '' then redis.call('HSET', record, field, value) end
if phase ~= '' then redis.call('HSET', record, 'phase', phase, 'done', done, 'total', total) end
finish(final)
return 1
