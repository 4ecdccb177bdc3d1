package dose

import (
	"context"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// A Selection says which examinations are asked for, for whom and what for. The
// period counts as far as it is given.
type Selection struct {
	Period
	Modality string   // "" means any
	Persons  []string // of one of these, such as all identifiers of one person; none means any
	Reach    access.Reach
	// Purpose says what for. For one beyond care and the site's own quality, persons
	// who object are left out, and those nobody knows.
	Purpose access.Purpose
}

// Secondary reports whether a purpose goes beyond care and the site's own quality.
func Secondary(p access.Purpose) bool {
	switch p {
	case access.Research, access.PublicGood, access.Training:
		return true
	default:
		return false
	}
}

// A Selected is an examination with the person it is of.
type Selected struct {
	*Item
	Person string // as the archive names the person, "" if nobody is named
}

// A Cursor names a place in a list of examinations; the zero Cursor is its beginning.
type Cursor struct{ day, started, study, key string }

// Next returns the place behind i.
func (i *Item) Next() Cursor { return Cursor{i.Day, i.Started, i.Study, i.Key} }

// Select returns examinations, the latest first, at most limit of them from a place
// on. Those of persons whose data are restricted are left out. A selection for
// secondary use is Forbidden to those who may not, and whoever calls passes through
// access.Facts.Secondary first, which keeps account of it.
func (l *Ledger) Select(ctx context.Context, siteID string, s Selection, from Cursor, limit int) (all []Selected, err error) {
	if Secondary(s.Purpose) {
		if err := access.Check(ctx, access.SecondaryUse, access.Subject{Site: siteID}); err != nil {
			return nil, err
		}
	}
	q := selection{args: []any{siteID}}
	q.add(s, siteID, l.Now())
	if from.study != "" {
		q.and("x.day <= ?", from.day) // what the index begins at
		q.and(`(x.day < ? or x.day = ? and (x.started < ? or x.started = ? and (x.study_uid > ? or x.study_uid = ? and x.examination > ?)))`,
			from.day, from.day, from.started, from.started, from.study, from.study, from.key)
	}
	err = l.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.List(ctx, tx, func(r *db.Rows) (s Selected, err error) {
			i := &Item{}
			s.Item = i
			return s, r.Scan(&i.Study, &i.Key, &i.Day, &i.Started, &i.Machine, &i.Exam, &i.Indication, &i.KnownBy,
				&i.AssignedBy, &i.Name, &i.AgeMonths, &i.Weight, &i.Events, &i.DLP, &i.Excluded,
				&i.WeightFrom.Source, &i.WeightFrom.Origin, &i.WeightFrom.At, &s.Person)
		}, `select x.study_uid, x.examination, x.day, x.started, x.machine_id, x.exam_code, x.indication, x.known_by,
			x.assigned_by, x.name, x.age_months, x.weight_kg, x.events, x.dlp_mgycm, x.excluded,
			x.weight_source, x.weight_origin, x.weight_at, s.person
			from `+q.from+`dose_examination x join dose_study s on s.site_id = x.site_id and s.study_uid = x.study_uid
			where x.site_id = $1`+q.text+` order by x.day desc, x.started desc, x.study_uid, x.examination limit `+strconv.Itoa(max(0, limit)), q.args...)
		if err != nil {
			return err
		}
		return sequences(ctx, tx, siteID, all)
	})
	return all, err
}

// A selection is a condition in the making.
type selection struct {
	from string // what is looked at first, "" for all examinations
	text string
	args []any
}

// and adds a condition, in which ? stands for the next of the arguments.
func (q *selection) and(condition string, args ...any) {
	for _, a := range args {
		q.args = append(q.args, a)
		condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(q.args)), 1)
	}
	q.text += " and " + condition
}

// add adds what a Selection asks for.
func (q *selection) add(s Selection, siteID string, now time.Time) {
	q.and("not " + access.Wished("s.site_id", "s.person", access.Restricted))
	if Secondary(s.Purpose) {
		q.and("s.person <> ''")
		q.and("not " + access.Wished("s.site_id", "s.person", access.NoSecondary))
	}
	for _, c := range []struct{ condition, value string }{
		{"x.modality = ?", s.Modality}, {"x.day >= ?", s.From}, {"x.day <= ?", s.To},
	} {
		if c.value != "" {
			q.and(c.condition, c.value)
		}
	}
	if len(s.Persons) > 0 {
		args := make([]any, len(s.Persons))
		for i, p := range s.Persons {
			args[i] = p
		}
		q.and(`s.person <> '' and s.person in (`+strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ")+`)`, args...)
	}
	if rows, args := s.Reach.Rows(siteID, now, len(q.args)+1); rows != "" { // the few relations first
		q.args = append(q.args, args...)
		q.from = `(select r.study_uid as within_uid from (` + rows + `) as reach join dose_study r on r.site_id = $1 and r.person <> '' and r.person = reach.person
			where reach.person <> '' union select study from (` + rows + `) as reach where study <> '') as within cross join `
		q.text += ` and x.study_uid = within_uid`
	}
}

// sequences loads the CTDIvol of the diagnostic sequences.
func sequences(ctx context.Context, tx *db.Tx, siteID string, all []Selected) error {
	for _, s := range all {
		list, err := db.List(ctx, tx, func(r *db.Rows) (v float64, err error) { return v, r.Scan(&v) },
			`select ctdivol_mgy from dose_event where site_id = $1 and study_uid = $2 and examination = $3
			and ctdivol_mgy is not null and sequence order by ordinal`, siteID, s.Study, s.Key)
		if err != nil {
			return err
		}
		s.CTDIvol = list
	}
	return nil
}

// willing returns the studies of a period that may be used beyond care and the site's
// own quality.
func willing(ctx context.Context, tx *db.Tx, siteID string, p Period) (map[string]bool, error) {
	list, err := db.List(ctx, tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select s.study_uid from dose_study s where s.site_id = $1 and s.person <> ''
		and not `+access.Wished("s.site_id", "s.person", access.Restricted)+`
		and not `+access.Wished("s.site_id", "s.person", access.NoSecondary)+`
		and exists (select 1 from dose_examination x where x.site_id = s.site_id and x.study_uid = s.study_uid and x.day between $2 and $3)`,
		siteID, p.From, p.To)
	if err != nil {
		return nil, err
	}
	may := make(map[string]bool, len(list))
	for _, s := range list {
		may[s] = true
	}
	return may, nil
}

// ParsePurpose returns the purpose of a selection by its code; "" is that of the
// site's own quality. Invalid: there is no such purpose.
func ParsePurpose(s string) (access.Purpose, error) {
	switch p := access.Purpose(s); p {
	case "":
		return access.Quality, nil
	case access.Treatment, access.Operations, access.Quality, access.Safety, access.Research, access.PublicGood, access.Training:
		return p, nil
	default:
		return "", fault.Errorf(fault.Invalid, "purpose: one of TREAT, HOPERAT, HQUALIMP, PATSFTY, HRESCH, PUBHLTH, TRAIN (HL7 v3 PurposeOfUse)")
	}
}
