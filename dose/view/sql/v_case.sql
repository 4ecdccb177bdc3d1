select
    c.number as case_number,
    c.day,
    coalesce(p.room_id, '') as room_id,
    coalesce(p.room, '') as room,
    c.exam_code,
    c.rule_set,
    c.rule_id as rule,
    c.quantity,
    c.ratio,
    c.legal,
    c.substantial,
    c.withdrawn,
    c.state,
    c.reason,
    c.due,
    c.intervention,
    c.opened_at,
    c.reviewed_at,
    c.closed_at,
    c.study_uid as study_instance_uid,
    c.examination,
    c.site_id
from review_case c
left join doseview_place p on p.site_id = c.site_id and p.machine_id = c.machine_id
left join dose_study s on s.site_id = c.site_id and s.study_uid = c.study_uid and c.study_uid <> ''
where s.study_uid is null or not {restricted}
