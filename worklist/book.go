package worklist

import (
	"context"
	"slices"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// Unschedule takes the steps of an order that nobody began off the worklist, as when
// their appointment is cancelled. The order stays, to be scheduled anew (Reschedule).
// Doing so again changes nothing. Errors: Forbidden; NotFound.
func (r *Register) Unschedule(ctx context.Context, siteID, id string) (Order, error) {
	return r.book(ctx, siteID, id, Cancelled, func(s Step) bool { return s.State == Scheduled || s.State == Arrived })
}

// Reschedule puts steps of an order back on the worklist that are off it, by their keys.
// Those that are not off it stay as they are. Errors: Forbidden; NotFound; Conflict for
// an order that is cancelled.
func (r *Register) Reschedule(ctx context.Context, siteID, id string, steps ...string) (Order, error) {
	return r.book(ctx, siteID, id, Scheduled, func(s Step) bool { return s.State == Cancelled && slices.Contains(steps, s.Key) })
}

// book brings steps of an order to a state.
func (r *Register) book(ctx context.Context, siteID, id string, to State, which func(Step) bool) (o Order, err error) {
	if err := access.Check(ctx, access.StepChange, access.Subject{Site: siteID}); err != nil {
		return Order{}, err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		if o, err = r.get(ctx, tx, siteID, id); err != nil || !slices.ContainsFunc(o.Steps, which) {
			return err
		}
		if o.State == Cancelled {
			return fault.Errorf(fault.Conflict, "order %s is cancelled", id)
		}
		if err := r.rewrite(ctx, tx, &o); err != nil {
			return err
		}
		for i := range o.Steps {
			if !which(o.Steps[i]) {
				continue
			}
			o.Steps[i].State = to
			if err := r.putStep(ctx, tx, &o, i); err != nil {
				return err
			}
		}
		if err := r.stir(ctx, tx, &o); err != nil {
			return err
		}
		return r.note(ctx, tx, &o, "worklist.order.changed", map[string]any{"fields": []string{"steps"}, "steps": len(o.Steps)})
	})
	return o, err
}
