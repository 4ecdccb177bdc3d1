package person

import (
	"context"
	"encoding/json"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// Say keeps, on behalf of whoever asks, what they say of persons, all of it or
// nothing, and returns what was new. Errors: those of Note; Forbidden for those who may
// not write orders.
func (r *Register) Say(ctx context.Context, facts ...Fact) (fresh []Fact, err error) {
	for _, f := range facts {
		if err := access.Check(ctx, access.StepChange, access.Subject{Site: f.Site}); err != nil {
			return nil, err
		}
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		fresh = nil
		for _, f := range facts {
			added, err := r.Note(ctx, tx, f)
			if err != nil {
				return err
			}
			for _, one := range added {
				if err := r.noteSaid(ctx, tx, one); err != nil {
					return err
				}
			}
			fresh = append(fresh, added...)
		}
		return nil
	})
	return fresh, err
}

// noteSaid journals that somebody said something of a person, and not what.
func (r *Register) noteSaid(ctx context.Context, tx *db.Tx, f Fact) error {
	data, err := json.Marshal(map[string]any{"kind": f.Kind, "source": f.Source, "doubt": f.Doubt})
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	payload, err := json.Marshal(map[string]any{"value": f.Value, "at": f.At.UTC()})
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	by := access.From(ctx).ID
	if by == "" {
		by = "system:person"
	}
	return r.Journal.Append(ctx, tx, journal.Entry{
		Site: f.Site, At: r.Now(), Actor: by, Kind: "person.fact.noted", Subject: f.ID, Data: data, Person: f.Key, Payload: payload,
	})
}
