ServiceName IN {services:Array(String)}
    AND ({job_id:String} = '' OR ResourceAttributes['training.job.id'] IN ('', {job_id:String}))
