package review

import (
	"context"
	"fmt"
	"strings"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/dose"
)

// An askedFor says which examinations facts are loaded of: those of one study, or all
// that any amount of lifts above the least trigger of a rule.
type askedFor struct {
	site, study string
	least       map[dose.Quantity]float64 // in the unit of the quantity; for study ""
}

// leastTriggers returns for each quantity the least value that opens a case.
func leastTriggers(rules []Rule) map[dose.Quantity]float64 {
	all := map[dose.Quantity]float64{}
	for _, r := range rules {
		if r.Group || r.Quantity == "" || !r.Opens() {
			continue
		}
		values := []float64{r.Value}
		for _, b := range r.Bands {
			values = append(values, b.Value)
		}
		for _, v := range values {
			v, err := convert(v, r.Unit, unitOf(r.Quantity))
			quantities := []dose.Quantity{r.Quantity}
			switch r.Quantity { // what is not stored itself is looked for by what it is made of
			case QuantityAboveIntended:
				quantities = []dose.Quantity{dose.QuantityEffective, dose.QuantityEffectiveEstimated}
			case QuantityOverIntended:
				quantities, v = []dose.Quantity{dose.QuantityActivity}, 0
			default:
			}
			for _, q := range quantities {
				if have, seen := all[q]; err == nil && (!seen || v < have) {
					all[q] = v
				}
			}
		}
	}
	return all
}

// facts loads what rules know of examinations. Those of phantoms and tests are left
// out, and those that no code or event tells anything of have no amounts.
func (d *Desk) facts(ctx context.Context, tx *db.Tx, a askedFor, s Scopes, rooms dose.Rooms) ([]*Facts, error) {
	where, args := a.where()
	all, err := db.List(ctx, tx, func(r *db.Rows) (*Facts, error) {
		f := &Facts{Amounts: map[dose.Quantity]Number{}, Window: map[dose.Quantity]float64{}}
		return f, r.Scan(&f.Study, &f.Key, &f.Day, &f.Machine, &f.Modality, &f.Exam, &f.Indication, &f.Months, &f.Weight)
	}, `select x.study_uid, x.examination, x.day, x.machine_id, x.modality, x.exam_code, x.indication, x.age_months, x.weight_kg
		from dose_examination x where `+where+` order by x.study_uid, x.examination`, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	at := map[string]*Facts{}
	for _, f := range all {
		at[f.ID()] = f
		f.Room = rooms(f.Machine)
	}
	_, err = db.List(ctx, tx, func(r *db.Rows) (struct{}, error) {
		var study, key string
		var q dose.Quantity
		var n Number
		err := r.Scan(&study, &key, &q, &n.Value, &n.Method)
		if f := at[study+"_"+key]; f != nil {
			f.Amounts[q] = n
		}
		return struct{}{}, err
	}, `select a.study_uid, a.examination, a.quantity, a.value, a.method from dose_amount a
		join dose_examination x on x.site_id = a.site_id and x.study_uid = a.study_uid and x.examination = a.examination
		where `+where, args...)
	if err != nil {
		return nil, err
	}
	if err := d.scans(ctx, tx, a, at, s); err != nil {
		return nil, err
	}
	return all, d.skins(ctx, tx, a, at)
}

// where writes it in SQL.
func (a askedFor) where() (string, []any) {
	args := []any{a.site, dose.ExcludedNotPatient}
	where := "x.site_id = $1 and x.excluded not in ($2, '" + dose.ExcludedDuplicate + "')" // what counts in another study is judged there
	if a.study != "" {
		return where + " and x.study_uid = $3", append(args, a.study)
	}
	var terms []string
	for q, v := range a.least {
		if q == QuantitySkin {
			args = append(args, v)
			terms = append(terms, fmt.Sprintf(`exists (select 1 from review_skin k where k.site_id = x.site_id and k.study_uid = x.study_uid and k.gy >= $%d)`, len(args)))
			continue
		}
		args = append(args, string(q), v)
		terms = append(terms, fmt.Sprintf(`exists (select 1 from dose_amount l where l.site_id = x.site_id and l.study_uid = x.study_uid
			and l.examination = x.examination and l.quantity = $%d and l.value >= $%d)`, len(args)-1, len(args)))
	}
	if len(terms) == 0 {
		return where + " and 1 = 0", args
	}
	return where + " and (" + strings.Join(terms, " or ") + ")", args
}

// only is the condition that leaves one study of rows that name it, if one is asked for.
func (a askedFor) only(column string) string {
	if a.study == "" {
		return ""
	}
	return " and " + column + " = $2"
}

// named are the arguments of what only is a part of.
func (a askedFor) named() []any {
	if a.study == "" {
		return []any{a.site}
	}
	return []any{a.site, a.study}
}

// scans adds what the scans of CT tell: region and phantom; and what the codes of
// examinations say.
func (d *Desk) scans(ctx context.Context, tx *db.Tx, a askedFor, at map[string]*Facts, s Scopes) error {
	where, args := a.where()
	regions := map[string][]string{}
	_, err := db.List(ctx, tx, func(r *db.Rows) (struct{}, error) {
		var study, key, region, phantom, kind string
		err := r.Scan(&study, &key, &region, &phantom, &kind)
		if f := at[study+"_"+key]; f != nil && kind != "constant_angle" {
			regions[f.ID()] = append(regions[f.ID()], region)
			f.NoPhantom = f.NoPhantom || phantom == ""
		}
		return struct{}{}, err
	}, `select e.study_uid, e.examination, e.region, e.phantom, e.type from dose_event e
		join dose_examination x on x.site_id = e.site_id and x.study_uid = e.study_uid and x.examination = e.examination
		where `+where+` and x.modality = 'CT' and e.ctdivol_mgy is not null`, args...)
	if err != nil {
		return err
	}
	exams, err := examRegions(d.Content, a.site)
	if err != nil {
		return err
	}
	decided := map[string]string{}
	_, err = db.List(ctx, tx, func(r *db.Rows) (struct{}, error) {
		var study, key, said string
		err := r.Scan(&study, &key, &said)
		decided[study+"_"+key] = said
		return struct{}{}, err
	}, `select study_uid, examination, intervention from review_case where site_id = $1 and intervention <> ''`+a.only("study_uid"), a.named()...)
	for id, f := range at {
		f.Intervention = s.Intervention(f.Modality, f.Exam, f.Room)
		if said := decided[id]; said != "" && f.Intervention == "" {
			f.Intervention = said
		}
		if f.Modality == "CT" {
			f.Region = s.Region(f.Exam, exams[f.Exam], regions[id])
		}
	}
	return err
}

// skins adds the estimated peaks of the skin; of a study with one examination alone,
// as a map is of a study.
func (*Desk) skins(ctx context.Context, tx *db.Tx, a askedFor, at map[string]*Facts) error {
	type peak struct {
		study string
		n     Number
	}
	all, err := db.List(ctx, tx, func(r *db.Rows) (p peak, err error) { return p, r.Scan(&p.study, &p.n.Value, &p.n.Method) },
		`select study_uid, gy, validity from review_skin where site_id = $1`+a.only("study_uid"), a.named()...)
	peaks := map[string]Number{}
	for _, p := range all {
		peaks[p.study] = p.n
	}
	for _, f := range at {
		if n, ok := peaks[f.Study]; ok && f.Modality == "RF" {
			f.Amounts[QuantitySkin] = n
		}
	}
	return err
}

// weeks adds the doses of the same person over the time before each examination.
func (*Desk) weeks(ctx context.Context, tx *db.Tx, siteID string, f *Facts, days int) error {
	on, err := time.Parse(time.DateOnly, f.Day)
	if err != nil {
		return nil //nolint:nilerr // without a day there is no time before it
	}
	_, err = db.List(ctx, tx, func(r *db.Rows) (struct{}, error) {
		var q dose.Quantity
		var sum float64
		err := r.Scan(&q, &sum)
		f.Window[q] = sum
		return struct{}{}, err
	}, `select a.quantity, sum(a.value) from dose_amount a
		join dose_study s on s.site_id = a.site_id and s.study_uid = a.study_uid
		join dose_examination x on x.site_id = a.site_id and x.study_uid = a.study_uid and x.examination = a.examination
		where a.site_id = $1 and a.quantity in ($2, $3) and x.modality = 'RF' and a.day between $4 and $5 and s.person <> ''
		and s.person = (select person from dose_study where site_id = $1 and study_uid = $6)
		group by a.quantity`, siteID, string(dose.QuantityDAP), string(dose.QuantityRP),
		on.AddDate(0, 0, -days).Format(time.DateOnly), f.Day, f.Study)
	return err
}

// examRegions returns the regions of the codes of examinations.
func examRegions(library *content.Library, siteID string) (map[string][]string, error) {
	table, err := library.Table(siteID, "dose/exam", "codes")
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for row := range table.All() {
		all[row.Text("exam_code")] = row.List("region")
	}
	return all, nil
}
