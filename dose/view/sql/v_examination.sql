select
    x.study_uid as study_instance_uid,
    x.examination,
    x.started,
    coalesce(p.room_id, '') as room_id,
    coalesce(p.room, '') as room,
    x.name as local_name,
    x.exam_code,
    x.indication as indication_code,
    x.known_by as indication_known_by,
    x.assigned_by,
    x.age_months,
    x.weight_kg,
    x.events,
    x.dlp_mgycm,
    (select max(e.ctdivol_mgy) from dose_event e where e.site_id = x.site_id and e.study_uid = x.study_uid and e.examination = x.examination and e.sequence) as ctdivol_max_mgy,
    coalesce(case when x.modality <> 'CT' then (select a.class from dose_amount a where a.site_id = x.site_id and a.study_uid = x.study_uid and a.examination = x.examination
        order by case a.class when 'imported' then 6 when 'manual' then 5 when 'ocr' then 4 when 'mpps' then 3 when 'image' then 2 else 1 end desc limit 1) end, 'report') as provenance,
    x.excluded,
    x.weight_source,
    x.modality,
{amounts}
    x.day,
    x.site_id
from dose_examination x
join dose_study s on s.site_id = x.site_id and s.study_uid = x.study_uid
left join doseview_place p on p.site_id = x.site_id and p.machine_id = x.machine_id
where not {restricted}
