-- Communication that began and did not end.
${pending}
