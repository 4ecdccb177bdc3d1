package dose

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"radagora/db"
)

// Told is what an examination told of its doses.
type Told struct {
	Modality string
	Amounts  []Amount
}

// Amount returns an amount of a quantity.
func (t Told) Amount(q Quantity) (Amount, bool) {
	i := slices.IndexFunc(t.Amounts, func(a Amount) bool { return a.Quantity == q })
	if i < 0 {
		return Amount{}, false
	}
	return t.Amounts[i], true
}

// Told returns what the examinations of studies told, by their ids. Whoever calls has
// asked who may see the studies.
func (l *Ledger) Told(ctx context.Context, siteID string, studies []string) (map[string]Told, error) {
	all := map[string]Told{}
	slices.Sort(studies)
	for part := range slices.Chunk(slices.Compact(studies), rowsAtOnce) {
		args := []any{siteID}
		marks := make([]string, len(part))
		for i, s := range part {
			args = append(args, s)
			marks[i] = "$" + strconv.Itoa(len(args))
		}
		within := ` where site_id = $1 and study_uid in (` + strings.Join(marks, ", ") + `) order by study_uid, examination`
		_, err := db.List(ctx, l.DB, func(r *db.Rows) (_ struct{}, err error) {
			var i Item
			var modality string
			err = r.Scan(&i.Study, &i.Key, &modality)
			all[i.ID()] = Told{Modality: modality}
			return struct{}{}, err
		}, `select study_uid, examination, modality from dose_examination`+within, args...)
		if err != nil {
			return nil, err
		}
		_, err = db.List(ctx, l.DB, func(r *db.Rows) (_ struct{}, err error) {
			var i Item
			var a Amount
			err = r.Scan(&i.Study, &i.Key, &a.Quantity, &a.Value, &a.Unit, &a.Events, &a.Class, &a.Method, &a.Basis)
			t := all[i.ID()]
			t.Amounts = append(t.Amounts, a)
			all[i.ID()] = t
			return struct{}{}, err
		}, `select study_uid, examination, quantity, value, unit, n_events, class, method, basis from dose_amount`+within+`, quantity`, args...)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Typical describes a quantity of all examinations of a kind at a site in a period, those
// that are in medians: what one of them stands beside where no room is meant.
func (l *Ledger) Typical(ctx context.Context, siteID, exam string, q Quantity, p Period) (Statistic, error) {
	s, err := LoadSettings(l.Content, siteID)
	if err != nil {
		return Statistic{}, err
	}
	values, err := db.List(ctx, l.DB, func(r *db.Rows) (v float64, err error) { return v, r.Scan(&v) },
		`select value from dose_amount where site_id = $1 and exam_code = $2 and quantity = $3 and day between $4 and $5 and excluded = ''`,
		siteID, exam, string(q), p.From, p.To)
	if err != nil {
		return Statistic{}, err
	}
	return Describe(values, s.Coverage), nil
}
