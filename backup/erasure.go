package backup

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"fmt"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// An Erasure is something that was erased for good, and that a backup made before
// still holds. It does not say what it was: it knows it again.
type Erasure struct {
	ID   string    `json:"id"` // UUIDv7
	At   time.Time `json:"at"`
	Site string    `json:"site"`
	Kind string    `json:"kind"` // person, instance: a word of who erased; journal.key for a person's key in the journal
	Mark []byte    `json:"mark"` // keyed digest of kind, site and id; for journal.key the id of the key
}

// JournalKey is the kind of erasures that the journal wrote down itself: a person's
// key was destroyed.
const JournalKey = "journal.key"

// Erased tells what was erased. Was reports whether the thing of that kind, at that
// site, with that id was erased after the backup was made.
type Erased struct {
	list []Erasure
	keys keys
}

// Len returns how many erasures there are.
func (e Erased) Len() int { return len(e.list) }

// Kinds returns how many erasures there are of each kind.
func (e Erased) Kinds() map[string]int {
	all := map[string]int{}
	for _, x := range e.list {
		all[x.Kind]++
	}
	return all
}

// Was reports whether this was erased.
func (e Erased) Was(kind, site, id string) bool {
	mark := e.keys.erasure(kind, site, id)
	for _, x := range e.list {
		if x.Kind == kind && hmac.Equal(x.Mark, mark) {
			return true
		}
	}
	return false
}

// Erasures does erasures again in a restored installation: it goes through what
// there is (persons, instances) and erases what was erased before, in every room
// and in the packs. cmd/radagora fills it from access.Holder. It returns how many
// records went. The installation is not open to anybody meanwhile.
type Erasures interface {
	Replay(ctx context.Context, erased Erased) (int, error)
}

func (k keys) erasure(kind, site, id string) []byte {
	return mac(k.mark, []byte(kind+"\n"+site+"\n"+id))
}

// NoteErasure writes down as part of tx that something is erased, so that a restore
// of an older backup erases it again. Whoever erases calls it in the same
// transaction: kind "person" with the person's id at the site, kind "instance" with
// a SOP Instance UID.
func (k *Keeper) NoteErasure(ctx context.Context, tx *db.Tx, kind, site, id string) error {
	if kind == "" || kind == JournalKey || strings.ContainsAny(kind+site, "\n") || id == "" {
		return fault.Errorf(fault.Invalid, "note an erasure: no kind or nothing named")
	}
	_, err := tx.Exec(ctx, "insert into backup_erasure (id, site_id, at_ms, kind, mark) values ($1, $2, $3, $4, $5)",
		db.NewID(), site, db.Millis(k.c.Now()), kind, k.keys.erasure(kind, site, id))
	if err != nil {
		return fmt.Errorf("note an erasure: %w", err)
	}
	return nil
}

// erasures lists everything that was ever erased: what was noted, and what the
// journal says.
func (k *Keeper) erasures(ctx context.Context) ([]Erasure, error) {
	scan := func(r *db.Rows) (e Erasure, err error) {
		var at int64
		err = r.Scan(&e.ID, &at, &e.Site, &e.Kind, &e.Mark)
		e.At = db.FromMillis(at).UTC()
		return e, err
	}
	pending, err := k.c.DB.Pending(ctx, "backup", Migrations())
	if err != nil {
		return nil, err
	}
	var all []Erasure
	if pending <= 0 {
		if all, err = db.List(ctx, k.c.DB, scan, "select id, at_ms, site_id, kind, mark from backup_erasure order by at_ms, id"); err != nil {
			return nil, err
		}
	}
	keys, err := db.List(ctx, k.c.DB, func(r *db.Rows) (e Erasure, err error) {
		var at int64
		var key string
		err = r.Scan(&key, &at)
		e.ID, e.At, e.Kind, e.Mark = key, db.FromMillis(at).UTC(), JournalKey, []byte(key)
		return e, err
	}, "select key_id, destroyed_ms from journal_person_key where destroyed_ms is not null order by destroyed_ms, key_id")
	if err != nil {
		return nil, err
	}
	return append(all, keys...), nil
}

// An erasureList is what stands beside the manifests.
type erasureList struct {
	Erasures []Erasure `json:"erasures"`
}

// writeErasures puts the list beside the manifests, together with what stands there
// already: retention may have taken it out of the journal since.
func (k *Keeper) writeErasures(ctx context.Context, list []Erasure) error {
	old, err := readErasures(ctx, k.c.Target, k.keys.public())
	if err != nil && fault.Of(err) != fault.NotFound {
		k.c.Log.ErrorContext(ctx, "list of erasures cannot be read", "error", err)
	}
	b, err := k.keys.seal("erasures", erasureList{union(old, list)})
	if err != nil {
		return err
	}
	if err := k.c.Target.Put(ctx, erasuresName, bytes.NewReader(b)); err != nil {
		return fmt.Errorf("write to %s: %w", k.c.Target, err)
	}
	return k.c.Target.Sync(ctx)
}

func readErasures(ctx context.Context, t Target, signer ed25519.PublicKey) ([]Erasure, error) {
	b, err := readAll(ctx, t, erasuresName, maxSigned)
	if err != nil {
		return nil, err
	}
	var l erasureList
	_, err = unseal(b, "erasures", signer, &l)
	return l.Erasures, err
}

// union returns the erasures of all lists, each once.
func union(lists ...[]Erasure) []Erasure {
	seen, all := map[string]bool{}, []Erasure{}
	for _, list := range lists {
		for _, e := range list {
			if !seen[e.ID] {
				seen[e.ID] = true
				all = append(all, e)
			}
		}
	}
	return all
}

// Carry puts the list of erasures beside the manifests now, without a backup. A
// second erasure within the same minute may wait for the next call.
func (k *Keeper) Carry(ctx context.Context) error {
	if k.c.Target == nil {
		return errNoTarget
	}
	list, err := k.erasures(ctx)
	if err != nil {
		return err
	}
	return k.writeErasures(ctx, list)
}

// replayKeys destroys again the keys of persons that the journal had destroyed.
func replayKeys(ctx context.Context, d *db.DB, e Erased) (n int64, err error) {
	for _, x := range e.list {
		if x.Kind != JournalKey {
			continue
		}
		err := d.Write(ctx, func(tx *db.Tx) error {
			gone, err := tx.Exec(ctx, `update journal_person_key set lookup = null, wrapped = null, created_ms = null, older = '', destroyed_ms = $1
				where key_id = $2 and wrapped is not null`, db.Millis(x.At), string(x.Mark))
			n += gone
			return err
		})
		if err != nil {
			return n, fmt.Errorf("destroy a key of the journal again: %w", err)
		}
	}
	return n, nil
}
