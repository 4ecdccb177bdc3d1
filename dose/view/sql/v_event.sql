select
    e.study_uid as study_instance_uid,
    e.examination,
    e.event_uid,
    e.sop_instance_uid,
    e.started,
    e.type,
    e.protocol,
    e.phantom,
    e.ctdivol_mgy,
    e.dlp_mgycm,
    coalesce(x.modality, s.modality) as modality,
    s.day,
{amounts}
    coalesce((select a.part from dose_event_amount a where a.site_id = e.site_id and a.study_uid = e.study_uid and a.ordinal = e.ordinal order by a.quantity desc limit 1), '') as part,
    coalesce((select a.class from dose_event_amount a where a.site_id = e.site_id and a.study_uid = e.study_uid and a.ordinal = e.ordinal
        order by case a.class when 'imported' then 6 when 'manual' then 5 when 'ocr' then 4 when 'mpps' then 3 when 'image' then 2 else 1 end desc limit 1), 'report') as provenance,
    e.ordinal,
    e.site_id
from dose_event e
join dose_study s on s.site_id = e.site_id and s.study_uid = e.study_uid
left join dose_examination x on x.site_id = e.site_id and x.study_uid = e.study_uid and x.examination = e.examination
where not {restricted}
    and (x.study_uid is not null or e.examination = '' and exists (select 1 from dose_examination y where y.site_id = e.site_id and y.study_uid = e.study_uid))
