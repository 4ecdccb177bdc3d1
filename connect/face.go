package connect

import (
	"context"
	"strconv"
	"strings"
	"time"

	"radagora/db"
	"radagora/person"
	"radagora/worklist"
)

// Faces says how the patients of orders are known. Its Of is worklist.Config.Face.
type Faces struct {
	People interface {
		SurvivorIn(ctx context.Context, q db.Querier, site, key string) (string, error)
		Known(ctx context.Context, q db.Querier, site, key string, at time.Time) (map[person.FactKind]person.Fact, error)
	}
	Key    func(issuer, patientID string) string // names persons as the archive does
	Bounds person.Bounds                         // how long what is known of a body is passed on to machines
	Now    func() time.Time
}

// Of returns how somebody with an identifier is called now, and what is known of them.
func (f Faces) Of(ctx context.Context, q db.Querier, site, issuer, id string) (worklist.Face, error) {
	face := worklist.Face{ID: id, Issuer: issuer}
	key := f.Key(issuer, id)
	stays, err := f.People.SurvivorIn(ctx, q, site, key)
	if err != nil {
		return face, err
	}
	if stays != key {
		// A key that is a digest, or whose parts cannot be told apart, names nobody to a machine.
		if i, v, ok := strings.Cut(stays, "|"); ok && !strings.Contains(v, "|") && f.Key(i, v) == stays {
			face.Issuer, face.ID = i, v
		}
	}
	known, err := f.People.Known(ctx, q, site, stays, time.Time{})
	if err != nil {
		return face, err
	}
	face.Name, face.BirthDate, face.Sex = known[person.Name].Value, known[person.BirthDate].Value, known[person.Sex].Value
	if p, ok := known[person.Pregnancy]; ok && f.Now().Sub(p.At) <= f.Bounds.PregnancyValid {
		face.Pregnancy = worklist.Pregnancy(p.Value)
	}
	for kind, to := range map[person.FactKind]*float64{person.Height: &face.HeightM, person.Weight: &face.WeightKG} {
		if k, ok := known[kind]; ok && f.Now().Sub(k.At) <= f.Bounds.SizeValid {
			if n, err := strconv.ParseFloat(k.Value, 64); err == nil {
				*to = n
			}
		}
	}
	return face, nil
}
