package worklist

const (
	insertOrder = `insert into worklist_order (order_id, site_id, person, patient_id, name_folded, birth_date, accession, accession_issuer,
		placer, filler, procedure_id, study_uid, state, origin, expected, data, version, created_at, changed_at, changed_by)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) on conflict do nothing`

	updateOrder = `update worklist_order set person = $3, patient_id = $4, name_folded = $5, birth_date = $6, accession = $7,
		accession_issuer = $8, placer = $9, filler = $10, procedure_id = $11, study_uid = $12, state = $13, origin = $14, expected = $15,
		data = $16, version = $17, changed_at = $18, changed_by = $19
		where order_id = $1 and site_id = $2 and version = $20`

	putStep = `insert into worklist_step (step_key, site_id, order_id, number, step_id, stations, modality, location, start_local,
		start_at, state, data, changed_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		on conflict (step_key) do update set number = excluded.number, step_id = excluded.step_id, stations = excluded.stations,
		modality = excluded.modality, location = excluded.location, start_local = excluded.start_local, start_at = excluded.start_at,
		state = excluded.state, data = excluded.data, changed_at = excluded.changed_at`

	selectOrder = `select o.order_id, o.site_id, o.person, o.state, o.origin, o.data, o.version, o.created_at, o.changed_at, o.changed_by from worklist_order o `

	selectStep = `select s.order_id, s.step_key, s.state, s.start_at, s.data from worklist_step s `

	selectEntry = `select o.order_id, o.site_id, o.person, o.state, o.origin, o.data, o.version, o.created_at, o.changed_at, o.changed_by,
		s.step_key, s.state, s.start_at, s.data from worklist_step s join worklist_order o on o.order_id = s.order_id `
)

const selectStudyState = `select t.study_uid, t.person, t.match, t.reason, t.order_id, t.instances, t.first_at, t.last_at, t.calling_ae,
	coalesce(a.state, ''), coalesce(a.reason, ''), coalesce(a.instances, 0), coalesce(a.expected, 0), coalesce(a.at, 0), coalesce(a.times, 0),
	coalesce(d.decided_by, ''), coalesce(d.reason, '')
	from worklist_study t left join worklist_announced a on a.site_id = t.site_id and a.study_uid = t.study_uid
	left join worklist_decision d on d.site_id = t.site_id and d.study_uid = t.study_uid `
