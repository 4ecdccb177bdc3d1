select
    x.study_uid as study_instance_uid,
    x.examination,
    s.patient_id,
    s.sex,
    x.accession,
    x.site_id
from dose_examination x
join dose_study s on s.site_id = x.site_id and s.study_uid = x.study_uid
where not {restricted}
