package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/backup"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// The kinds under which the erasure of a person is noted for copies from before.
const (
	erasedPerson    = "person"    // by an identifier, as every room names them
	erasedPseudonym = "pseudonym" // by the pseudonym under which requests stand
)

// A replayer does erasures again in every room that keeps personal data. The journal
// knows its own.
type replayer struct {
	*house
	persons int // that were found in the copy and erased
}

// rooms are those that erase, in their order.
func (r *replayer) rooms() []privacy.Room {
	return append(r.keepers(), privacy.Room{Name: "privacy", Holder: privacy.Own{Desk: r.Privacy}}, r.identifiers())
}

// known returns everybody whom any room knows by an identifier, and the room. Rooms
// that cannot tell keep nothing that another does not name: a test sees to it.
func (r *replayer) known(ctx context.Context) (map[access.Person]string, error) {
	all := map[access.Person]string{}
	for _, room := range r.rooms() {
		roll, ok := unlinked(room.Holder).(access.Roll)
		if !ok {
			continue
		}
		persons, err := roll.Persons(ctx, r.DB)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", room.Name, err)
		}
		for _, p := range persons {
			if all[p] == "" {
				all[p] = room.Name
			}
		}
	}
	return all, nil
}

// unlinked returns the room that a linked one looks into.
func unlinked(h access.Holder) access.Holder {
	if l, ok := h.(linked); ok {
		return l.Holder
	}
	return h
}

// Replay implements backup.Erasures: whoever any room knows and was erased goes from
// every room.
func (r *replayer) Replay(ctx context.Context, erased backup.Erased) (total int, err error) {
	ctx = access.With(ctx, access.System("restore"))
	known, err := r.known(ctx)
	if err != nil {
		return 0, err
	}
	for p := range known {
		if !erased.Was(erasedPerson, p.Site, p.ID) {
			continue
		}
		n, err := r.again(ctx, p)
		if err != nil {
			return total, err
		}
		total += n
		r.persons++
	}
	requests, err := r.pseudonyms(ctx, erased)
	if err != nil {
		return total, err
	}
	_, err = r.Archive.RemoveErased(ctx)
	return total + requests, err
}

// again erases one person in every room, and notes it without naming them.
func (r *replayer) again(ctx context.Context, p access.Person) (n int, err error) {
	if err := privacy.PrepareErase(ctx, r.rooms(), p); err != nil {
		return 0, err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		n = 0
		for _, room := range r.rooms() {
			records, err := room.Erase(ctx, tx, p)
			if err != nil {
				return fmt.Errorf("%s: %w", room.Name, err)
			}
			n += records
		}
		return r.note(ctx, tx, p.Site, r.Privacy.Pseudonym(p.Site, p.ID), n)
	})
	return n, err
}

// pseudonyms erases the texts of requests of whoever was erased: an identifier that no
// room has any more cannot lead to them.
func (r *replayer) pseudonyms(ctx context.Context, erased backup.Erased) (total int, err error) {
	own := privacy.Own{Desk: r.Privacy}
	all, err := own.Pseudonyms(ctx)
	if err != nil {
		return 0, err
	}
	for _, p := range all {
		if !erased.Was(erasedPseudonym, p.Site, p.ID) {
			continue
		}
		err := r.DB.Write(ctx, func(tx *db.Tx) error {
			n, err := own.EraseAs(ctx, tx, p.Site, p.ID)
			if err != nil {
				return err
			}
			total += n
			return r.note(ctx, tx, p.Site, p.ID, n)
		})
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// note writes to the journal that an erasure was done again.
func (r *replayer) note(ctx context.Context, tx *db.Tx, siteID, pseudonym string, records int) error {
	data, err := json.Marshal(map[string]any{"pseudonym": pseudonym, "records": records})
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	return r.Journal.Append(ctx, tx, journal.Entry{
		Site: siteID, At: r.Now(), Actor: access.From(ctx).ID, Kind: "privacy.erasure.replayed", Data: data,
	})
}

// prove asks every room again whether it knows anybody who was erased, and says so.
func (r *replayer) prove(ctx context.Context, erased backup.Erased, p *backup.Proof) error {
	known, err := r.known(ctx)
	if err != nil {
		return err
	}
	for who, room := range known {
		if erased.Was(erasedPerson, who.Site, who.ID) {
			p.Wrong = append(p.Wrong, backup.Wrong{What: "erasure", Name: room, Err: fault.Errorf(fault.Internal, "it still knows somebody who was erased")})
		}
	}
	left, err := privacy.Own{Desk: r.Privacy}.Pseudonyms(ctx)
	if err != nil {
		return err
	}
	for _, who := range left {
		if erased.Was(erasedPseudonym, who.Site, who.ID) {
			p.Wrong = append(p.Wrong, backup.Wrong{What: "erasure", Name: "privacy", Err: fault.Errorf(fault.Internal, "it still has a request of somebody who was erased")})
		}
	}
	if erased.Len() == 0 {
		return nil
	}
	names := []string{"journal"}
	for _, room := range r.rooms() {
		names = append(names, room.Name)
	}
	slices.Sort(names)
	p.Rooms = append(p.Rooms, fmt.Sprintf("erasures: %d persons were in this backup and are gone; asked again: %s", r.persons, strings.Join(names, ", ")))
	return nil
}
