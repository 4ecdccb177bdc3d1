package privacy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"radagora/access"
	"radagora/db"
)

// A Room is a room that keeps personal data.
type Room struct {
	Name string // of its folder
	access.Holder
	// Grows says that looking at the room adds to it, as to the journal, so that it
	// is no part of the digest of what is held.
	Grows bool
	// Days reads the day of a record and the birth date of the person, as 2006-01-02,
	// "" where the record says nothing; nil: no record of the room does.
	Days func(access.Record) (day, birth string)
}

// Held is what a room holds of a kind about a person.
type Held struct {
	Room  string `json:"room"`
	Kind  string `json:"kind"`
	Count int    `json:"count"`
	First string `json:"first,omitempty"` // day of the earliest, "" if unknown
	Last  string `json:"last,omitempty"`
}

// A Holding is everything held about a person.
type Holding struct {
	Kinds  []Held
	Birth  string // day; "" if unknown
	Digest string // SHA-256 over all records but those of rooms that grow
}

// Count returns the number of records.
func (h Holding) Count() (n int) {
	for _, k := range h.Kinds {
		n += k.Count
	}
	return n
}

// Hold returns what is held where about a person, by asking every room. Whoever
// looks is noted in the journal first, under the key of the person if there is one.
func (d *Desk) Hold(ctx context.Context, p access.Person) (Holding, error) {
	if err := access.Check(ctx, access.RequestHandle, access.Subject{Site: p.Site, Person: p.ID}); err != nil {
		return Holding{}, err
	}
	h, err := d.hold(ctx, p)
	if err != nil {
		return Holding{}, err
	}
	const kind = "privacy.person.looked-up"
	if h.Count() > 0 {
		return h, d.note(ctx, p, kind, nil)
	}
	return h, d.DB.Write(ctx, func(tx *db.Tx) error {
		return d.Journal.Append(ctx, tx, d.entry(ctx, p.Site, kind, d.Pseudonym(p.Site, p.ID), map[string]any{"records": 0}))
	})
}

// hold asks every room.
func (d *Desk) hold(ctx context.Context, p access.Person) (Holding, error) {
	h, sum := Holding{}, sha256.New()
	for _, room := range d.Rooms {
		kinds := map[string]*Held{}
		var lines []string
		for r, err := range room.Export(ctx, p) {
			if err != nil {
				return h, fmt.Errorf("what %s holds: %w", room.Name, err)
			}
			k := kinds[r.Kind]
			if k == nil {
				k = &Held{Room: room.Name, Kind: r.Kind}
				kinds[r.Kind] = k
			}
			k.Count++
			h.date(room, r, k)
			if !room.Grows {
				data := sha256.Sum256(r.Data)
				lines = append(lines, strconv.Quote(room.Name)+strconv.Quote(r.Kind)+strconv.Quote(r.ID)+hex.EncodeToString(data[:]))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(kinds)) {
			h.Kinds = append(h.Kinds, *kinds[name])
		}
		slices.Sort(lines) // rooms promise no order
		for _, line := range lines {
			fmt.Fprintln(sum, line)
		}
	}
	h.Digest = hex.EncodeToString(sum.Sum(nil))
	return h, nil
}

// date takes the days of a record in.
func (h *Holding) date(room Room, r access.Record, k *Held) {
	if room.Days == nil {
		return
	}
	day, birth := room.Days(r)
	if _, err := time.Parse(time.DateOnly, birth); err == nil && (h.Birth == "" || birth > h.Birth) {
		h.Birth = birth // should records disagree, the later one keeps data longer
	}
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return
	}
	if k.First == "" || day < k.First {
		k.First = day
	}
	k.Last = max(k.Last, day)
}

// lastOf returns the day of the latest record in rooms, "" if none is known, and
// whether they hold any.
func (h Holding) lastOf(rooms []string) (last string, held bool) {
	for _, k := range h.Kinds {
		if slices.Contains(rooms, k.Room) {
			last, held = max(last, k.Last), true
		}
	}
	return last, held
}
