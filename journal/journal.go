// Package journal records what happened, once, in order, and tells whoever asks.
//
// It is the security audit trail and the event stream in one. Append writes
// entries inside the transaction that makes them true, unnumbered, so that commits
// stay concurrent. One sealer, Run, under a lease, numbers what has been committed
// and writes a seal over each batch: a digest that includes the seal before it.
// An entry that commits late is numbered late, so whoever reads in order of
// numbers never misses one.
//
// Follow hands the entries to a consumer, in order and exactly once as far as its
// transaction goes. Verify finds what was changed behind the journal's back.
// Personal data stand only in the payload, which is encrypted under a key for each
// person: Erase destroys the key, and the chain stays whole because seals cover
// the digest of the payload. Drop removes a prefix behind a signed checkpoint.
//
// docs/format/journal.md gives tables, bytes and a worked example.
package journal

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"radagora/db"
	"radagora/fault"
)

//go:embed migration/*.sql
var files embed.FS

// An Entry is one thing that happened.
//
// Everything but Payload is readable for as long as the journal is kept, so it
// holds no personal data beyond UIDs, accounts and pseudonyms.
type Entry struct {
	Seq     int64           // place in the journal, from 1; given by the sealer
	ID      string          // UUIDv7; given by Append
	Site    string          // id of the site where it happened
	At      time.Time       // when, to the millisecond; Append takes the zero time as now
	Actor   string          // who did it: an account, a peer, "system"
	Kind    string          // room.noun.verb, for example archive.instance.stored
	Subject string          // what it is about: a UID or an id; may be ""
	Data    json.RawMessage // what else is to be known; {} if not given

	Person    string          // whom Payload is about, in the caller's terms; only for Append, never read back
	Payload   json.RawMessage // personal data; needs Person; nil when read after erasure
	PersonKey string          // stands for the person in entries read; a person who returns after erasure gets another
	Erased    bool            // there was a payload, and its key is destroyed
}

// Options are the settings of Open. MasterKey must be given; every other zero
// value serves.
type Options struct {
	MasterKey   [32]byte            // wraps the keys of persons; without it no payload can be read
	SigningKey  ed25519.PrivateKey  // signs heads and checkpoints; without it no head is signed and Drop is Unsupported
	TrustedKeys []ed25519.PublicKey // of heads and checkpoints, besides that of SigningKey; for keys replaced since
	Witness     func(SignedHead)    // is told of each head signed here, to keep it outside the database; nil for nobody

	// Whence returns by which door somebody came in whose entry is appended, and from
	// which address: "" where that is not known. Nil: nobody says.
	Whence func(ctx context.Context) (door, address string)

	Log    *slog.Logger     // nil discards
	Now    func() time.Time // nil means the system clock; may step back
	Rand   io.Reader        // for keys; nil means crypto/rand
	Holder string           // names this process in leases; "" means a random name

	Poll      time.Duration // how often to look for what other processes did; 0 means 500 ms
	SealEvery time.Duration // least time between two seals while somebody waits, else ten times that; 0 means 25 ms
	SignEvery time.Duration // most time until what was sealed is under a signed head; 0 means 1 h
	SignAfter int64         // most entries until then; 0 means 10 000
	LeaseTTL  time.Duration // how long a silent process keeps its leases; 0 means 10 s
	Retry     time.Duration // first pause after a failure, doubled up to 30 s; 0 means 100 ms
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the one default of the field
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Holder == "" {
		o.Holder = db.NewID()
	}
	if o.SignAfter <= 0 {
		o.SignAfter = 10_000
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.Poll, 500 * time.Millisecond},
		{&o.SealEvery, 25 * time.Millisecond},
		{&o.SignEvery, time.Hour},
		{&o.LeaseTTL, 10 * time.Second},
		{&o.Retry, 100 * time.Millisecond},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return o
}

// A Journal is the journal of one installation. It is safe for concurrent use, and
// several processes may have the same one open.
type Journal struct {
	db    *db.DB
	o     Options
	keys  keys
	wake  chan struct{} // something was committed that is not sealed
	tail  tail
	waits atomic.Int64  // callers in Wait, for whom cursors move and seals are made at once
	hurry chan struct{} // somebody began to wait
}

// Migrations returns the files of the journal's tables, for db.Pending.
func Migrations() fs.FS {
	f, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// Open opens the journal in d and makes or updates its tables. It is Invalid
// without an installation key, and Conflict if the journal was made with another.
func Open(ctx context.Context, d *db.DB, o Options) (*Journal, error) {
	if o.MasterKey == [32]byte{} {
		return nil, fault.Errorf(fault.Invalid, "open journal: no installation key")
	}
	if err := d.Migrate(ctx, "journal", Migrations()); err != nil {
		return nil, err
	}
	k, err := newKeys(o.MasterKey)
	if err != nil {
		return nil, err
	}
	j := &Journal{db: d, o: o.withDefaults(), keys: k, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
	if err := j.prove(ctx); err != nil {
		return nil, err
	}
	return j, nil
}

// prove checks that the installation key is the one the journal began with.
func (j *Journal) prove(ctx context.Context) error {
	err := j.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "insert into journal_installation (id, proof) values (1, $1) on conflict (id) do nothing", j.keys.proof())
		return err
	})
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	var proof []byte
	if err := j.db.QueryRow(ctx, "select proof from journal_installation where id = 1").Scan(&proof); err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	if string(proof) != string(j.keys.proof()) {
		return fault.Errorf(fault.Conflict, "open journal: the installation key is not the one this journal was made with: restore the key file that belongs to this database")
	}
	return nil
}

// Changed returns a channel that is closed when more entries have been sealed than
// when Changed was called. It works while Run does.
func (j *Journal) Changed() <-chan struct{} { return j.tail.changed() }
