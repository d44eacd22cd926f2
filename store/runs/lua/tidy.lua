-- Removes what is left of a record that is gone. Returns 1; 0 if there is a record.

if state then return 0 end
forget()
return 1
