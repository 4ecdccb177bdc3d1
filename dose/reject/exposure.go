package reject

import (
	"cmp"
	"context"
	"slices"

	"radagora/db"
	"radagora/dose"
)

// An Index is how an index of the detectors spreads over the exposures of a room with one
// examination.
type Index struct {
	Room, Name string
	Exam       string // code, "" of examinations that nobody mapped
	Quantity   dose.Quantity
	Values     []float64 // sorted
}

// Indices are the quantities that tell of a detector's exposure.
func Indices() []dose.Quantity {
	return []dose.Quantity{dose.QuantityEI, dose.QuantityEITarget, dose.QuantityDI}
}

// Indices returns how the exposure index, its target and the deviation index spread in a
// period, by room and examination, from dose reports and headers of images. Examinations
// that are not of patients are left out.
func (d *Desk) Indices(ctx context.Context, siteID string, p dose.Period) ([]Index, error) {
	plan, err := d.Plan(ctx, siteID)
	if err != nil {
		return nil, err
	}
	g := newGathered(plan)
	all := map[[3]string]*Index{}
	for _, quantity := range Indices() {
		_, err := db.List(ctx, d.DB, func(r *db.Rows) (struct{}, error) {
			var machine, exam string
			var value float64
			if err := r.Scan(&machine, &exam, &value); err != nil {
				return struct{}{}, err
			}
			room, name := g.room(machine)
			x := add(all, [3]string{room, exam, string(quantity)}, func() *Index { return &Index{Room: room, Name: name, Exam: exam, Quantity: quantity} })
			x.Values = append(x.Values, value)
			return struct{}{}, nil
		}, `select x.machine_id, x.exam_code, a.value from dose_event_amount a
			join dose_examination x on x.site_id = a.site_id and x.study_uid = a.study_uid and x.examination = a.examination
			where a.site_id = $1 and a.quantity = $2 and x.day between $3 and $4 and x.excluded <> 'not_patient'`,
			siteID, string(quantity), p.From, p.To)
		if err != nil {
			return nil, err
		}
	}
	out := make([]Index, 0, len(all))
	for _, x := range all {
		slices.Sort(x.Values)
		out = append(out, *x)
	}
	slices.SortFunc(out, func(x, y Index) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Room, y.Room), cmp.Compare(x.Exam, y.Exam), cmp.Compare(x.Quantity, y.Quantity))
	})
	return out, nil
}

// Mismatches returns how many examinations of a period bear the flag that the deviation
// index is not the one that the exposure indices make, by room.
func (d *Desk) Mismatches(ctx context.Context, siteID string, p dose.Period) (map[string]int, error) {
	plan, err := d.Plan(ctx, siteID)
	if err != nil {
		return nil, err
	}
	g := newGathered(plan)
	all := map[string]int{}
	_, err = db.List(ctx, d.DB, func(r *db.Rows) (struct{}, error) {
		var machine string
		var n int
		err := r.Scan(&machine, &n)
		room, _ := g.room(machine)
		all[room] += n
		return struct{}{}, err
	}, `select machine_id, count(*) from dose_flag where site_id = $1 and flag = $2 and day between $3 and $4 group by machine_id`,
		siteID, dose.FlagDeviation, p.From, p.To)
	return all, err
}
