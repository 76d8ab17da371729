"""What is measured: each contender is made from a job, is given a number of records, and then runs."""
