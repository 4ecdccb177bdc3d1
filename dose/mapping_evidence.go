package dose

import (
	"context"

	"radagora/db"
)

// A NameCount says how often something was seen beside a local name.
type NameCount struct {
	Name
	N int
}

// A NameEvidence is what examinations that bear a local name tell of it. It proposes,
// and applies nothing.
type NameEvidence struct {
	Beside  []NameCount // other names that they bear, of orders and procedures too: the most frequent first
	Exams   []NameCount // what those are that orders or other names told: Text is the code
	Regions []NameCount // target regions in their reports
}

// mostEvidence is how many lines of each kind are told.
const mostEvidence = 6

// Evidence returns what the examinations since a day tell of a name.
func (l *Ledger) Evidence(ctx context.Context, siteID string, name Name, since string) (e NameEvidence, err error) {
	list := func(into *[]NameCount, query string) {
		if err != nil {
			return
		}
		*into, err = db.List(ctx, l.DB, func(r *db.Rows) (c NameCount, err error) {
			return c, r.Scan(&c.Source, &c.Text, &c.N)
		}, query, siteID, foldName(name.Text), string(name.Source), since, mostEvidence)
	}
	const named = ` from dose_name n join dose_examination x on x.site_id = n.site_id and x.study_uid = n.study_uid and x.examination = n.examination `
	const where = ` where n.site_id = $1 and n.folded = $2 and n.source = $3 and n.day >= $4 `
	list(&e.Beside, `select o.source, max(o.shown), count(*) from dose_name n
		join dose_name o on o.site_id = n.site_id and o.study_uid = n.study_uid and o.examination = n.examination and (o.folded <> n.folded or o.source <> n.source)`+
		where+` group by o.source, o.folded order by 3 desc, 2 limit $5`)
	list(&e.Exams, `select '', x.exam_code, count(*)`+named+where+` and x.exam_code <> '' group by x.exam_code order by 3 desc, 2 limit $5`)
	list(&e.Regions, `select '', v.region_text, count(distinct n.study_uid || ' ' || n.examination) from dose_name n
		join dose_event v on v.site_id = n.site_id and v.study_uid = n.study_uid and v.examination = n.examination`+
		where+` and v.region_text <> '' group by v.region_text order by 3 desc, 2 limit $5`)
	return e, err
}
