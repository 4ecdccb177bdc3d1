package worklist

import (
	"cmp"
	"context"

	"radagora/db"
)

// A Face is how a patient is to be called and what is known of them. What is empty is
// not known, and stays as whoever ordered said it.
type Face struct {
	ID, Issuer           string // what stays where identifiers were merged
	Name, BirthDate, Sex string
	WeightKG, HeightM    float64
	Pregnancy            Pregnancy
}

// wear shows a patient as they are known now. What was ordered with stays noted, so
// that a merge can be taken back.
func (p *Patient) wear(f Face) {
	if p.OrderedID == "" {
		p.OrderedID, p.OrderedIssuer = p.ID, p.Issuer
	}
	if f.ID != "" {
		p.ID, p.Issuer = f.ID, f.Issuer
	}
	if p.ID == p.OrderedID && p.Issuer == p.OrderedIssuer {
		p.OrderedID, p.OrderedIssuer = "", ""
	}
	p.Name, p.BirthDate, p.Sex = cmp.Or(f.Name, p.Name), cmp.Or(f.BirthDate, p.BirthDate), cmp.Or(f.Sex, p.Sex)
	p.WeightKG, p.HeightM, p.Pregnancy = cmp.Or(f.WeightKG, p.WeightKG), cmp.Or(f.HeightM, p.HeightM), cmp.Or(f.Pregnancy, p.Pregnancy)
}

// ordered returns the identifier that an order was made with.
func (p *Patient) ordered() (issuer, id string) {
	if p.OrderedID != "" {
		return p.OrderedIssuer, p.OrderedID
	}
	return p.Issuer, p.ID
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

// reface shows the patient of one order anew, if any step of it is open.
func (r *Register) reface(ctx context.Context, tx *db.Tx, o *Order) error {
	open := false
	for _, s := range o.Steps {
		open = open || s.State.open()
	}
	if !open {
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
	issuer, id := o.Patient.ordered()
	f, err := r.Face(ctx, tx, o.Site, issuer, id)
	if err != nil {
		return err
	}
	o.Patient.wear(f)
	o.Person = r.Person(o.Patient.Issuer, o.Patient.ID)
	return nil
}
