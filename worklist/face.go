package worklist

import (
	"cmp"
	"context"
	"slices"

	"radagora/db"
)

// A Face is how a patient is to be called and what is known of them. What is empty is
// not known.
type Face struct {
	ID        string    `json:"id"` // what stays where identifiers were merged
	Issuer    string    `json:"issuer,omitempty"`
	Name      string    `json:"name,omitempty"`
	BirthDate string    `json:"birth_date,omitempty"`
	Sex       string    `json:"sex,omitempty"`
	WeightKG  float64   `json:"weight_kg,omitempty"`
	HeightM   float64   `json:"height_m,omitempty"`
	Pregnancy Pregnancy `json:"pregnancy,omitempty"`
}

// face returns how the order shows its patient.
func (p *Patient) face() Face {
	return Face{p.ID, p.Issuer, p.Name, p.BirthDate, p.Sex, p.WeightKG, p.HeightM, p.Pregnancy}
}

// ordered returns what whoever ordered said of the patient.
func (p *Patient) ordered() Face {
	if p.Ordered != nil {
		return *p.Ordered
	}
	return p.face()
}

// wear shows a patient as they are known now, and as whoever ordered said where nothing
// is known. What they said stays noted, so that a merge can be taken back.
func (p *Patient) wear(f Face) {
	was := p.ordered()
	if f.ID == "" {
		f.ID, f.Issuer = was.ID, was.Issuer
	}
	p.ID, p.Issuer = f.ID, f.Issuer
	p.Name, p.BirthDate, p.Sex = cmp.Or(f.Name, was.Name), cmp.Or(f.BirthDate, was.BirthDate), cmp.Or(f.Sex, was.Sex)
	p.WeightKG, p.HeightM, p.Pregnancy = cmp.Or(f.WeightKG, was.WeightKG), cmp.Or(f.HeightM, was.HeightM), cmp.Or(f.Pregnancy, was.Pregnancy)
	if p.Ordered = &was; p.face() == was {
		p.Ordered = nil
	}
}

// amend keeps what was ordered in a new version of an order: what it changes of the
// patient is what is ordered now.
func (p *Patient) amend(before Patient) {
	p.Ordered = nil
	if before.Ordered == nil {
		return
	}
	was, shown := *before.Ordered, before.face()
	if p.ID != shown.ID || p.Issuer != shown.Issuer {
		was.ID, was.Issuer = p.ID, p.Issuer
	}
	changed(&was.Name, shown.Name, p.Name)
	changed(&was.BirthDate, shown.BirthDate, p.BirthDate)
	changed(&was.Sex, shown.Sex, p.Sex)
	changed(&was.WeightKG, shown.WeightKG, p.WeightKG)
	changed(&was.HeightM, shown.HeightM, p.HeightM)
	changed(&was.Pregnancy, shown.Pregnancy, p.Pregnancy)
	if was != p.face() {
		p.Ordered = &was
	}
}

func changed[T comparable](to *T, was, is T) {
	if was != is {
		*to = is
	}
}

// Reface shows the patient of open orders as they are known now, within the
// transaction that makes it known: their name and other facts, and the identifier
// that stays where some were merged. keys are the names of the person. What machines
// told of steps they began stays as they told it.
func (r *Register) Reface(ctx context.Context, tx *db.Tx, site string, keys []string) error {
	if r.Face == nil {
		return nil
	}
	for _, key := range keys {
		list, err := r.orders(ctx, tx, `where o.site_id = $1 and o.person = $2 and o.person <> '' and o.state = 'active' order by o.order_id`, site, key)
		if err != nil {
			return err
		}
		for i := range list {
			if err := r.reface(ctx, tx, &list[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// reface shows the patient of one order anew, if any step of it is open, or all wait to
// be scheduled.
func (r *Register) reface(ctx context.Context, tx *db.Tx, o *Order) error {
	if o.begun() && !slices.ContainsFunc(o.Steps, func(s Step) bool { return s.State.open() }) {
		return nil
	}
	before := *o
	if err := r.dress(ctx, tx, o); err != nil {
		return err
	}
	fields := differences(before, *o)
	if len(fields) == 0 {
		return nil
	}
	if err := r.rewrite(ctx, tx, o); err != nil {
		return err
	}
	if err := r.stir(ctx, tx, &before); err != nil {
		return err
	}
	if err := r.stir(ctx, tx, o); err != nil {
		return err
	}
	return r.note(ctx, tx, o, "worklist.order.changed", map[string]any{"fields": fields, "steps": len(o.Steps)})
}

// dress shows the patient of an order as they are known now.
func (r *Register) dress(ctx context.Context, tx *db.Tx, o *Order) error {
	if r.Face == nil {
		return nil
	}
	was := o.Patient.ordered()
	f, err := r.Face(ctx, tx, o.Site, was.Issuer, was.ID)
	if err != nil {
		return err
	}
	o.Patient.wear(f)
	o.Person = r.Person(o.Patient.Issuer, o.Patient.ID)
	return nil
}
