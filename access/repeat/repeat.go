// Package repeat answers what a program sends again as it was answered first.
//
// A program that heard no answer cannot know whether its request had its effect. It
// gives each request that changes something a key of its own choice and sends it again
// with the same key (draft-ietf-httpapi-idempotency-key-header-07). For a day the first
// answer is kept and given again: sealed under a key made of the installation's and the
// client's, so that nobody reads it who does not send that key, and forgotten as soon
// as any person is erased, since nobody can tell whom it is about.
package repeat

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

//go:embed migration/*.sql
var files embed.FS

// Migrations returns the migrations of the table.
func Migrations() fs.FS {
	sub, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return sub
}

// Kept is how long an answer is given again.
const Kept = 24 * time.Hour

// lapse is how long one turn may take; then whoever had it is taken for dead.
const lapse = 2 * time.Minute

// MaxKey bounds a key, in bytes.
const MaxKey = 200

// A Register remembers requests and their answers. It is safe for concurrent use.
type Register struct {
	db     *db.DB
	master [32]byte
	now    func() time.Time
}

// Open migrates the table and returns the register. key seals answers.
func Open(ctx context.Context, d *db.DB, key [32]byte, now func() time.Time) (*Register, error) {
	if err := d.Migrate(ctx, "repeat", Migrations()); err != nil {
		return nil, err
	}
	return &Register{d, key, now}, nil
}

// A Request is one that may come again.
type Request struct {
	Site, Account string
	Key           string   // chosen by the client
	Digest        [32]byte // of what is asked: method, address and body
}

// hash names the request in the table.
func (q Request) hash() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{q.Site, q.Account, q.Key}, "\x00")))
	return hex.EncodeToString(sum[:])
}

// An Answer is what was answered.
type Answer struct {
	Status int
	Header map[string]string
	Body   []byte
}

// A Turn is the right to work on a request. Whoever has it ends it with Done or with
// Forget.
type Turn struct {
	register *Register
	request  Request
	id       string
}

// The errors of Begin that a door has statuses of its own for.
var (
	// ErrOther: the key was used for another request (Invalid).
	ErrOther = fault.Errorf(fault.Invalid, "the idempotency key was used for another request")
	// ErrAtWork: the first request is being worked on (Conflict).
	ErrAtWork = fault.Errorf(fault.Conflict, "the first request with this idempotency key has no answer yet")
	// ErrForgotten: it had its effect, and its answer is not kept any more (Conflict).
	ErrForgotten = fault.Errorf(fault.Conflict, "the request had its effect before; its answer is not kept any more")
)

// Begin returns the answer that the request had before, or a turn to work on it. Errors:
// Invalid for a key that is none; ErrOther, ErrAtWork, ErrForgotten.
func (r *Register) Begin(ctx context.Context, q Request) (*Answer, *Turn, error) {
	if q.Key == "" || len(q.Key) > MaxKey {
		return nil, nil, fault.Errorf(fault.Invalid, "an idempotency key has 1 to %d characters", MaxKey)
	}
	t := &Turn{r, q, db.NewID()}
	var was row
	var fresh bool
	err := r.db.Write(ctx, func(tx *db.Tx) (err error) {
		was, fresh = row{}, false
		now := r.now()
		if _, err = tx.Exec(ctx, `delete from access_repeat where began_at < $1`, db.Millis(now.Add(-Kept))); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `insert into access_repeat (site_id, account, key_hash, request_hash, turn, began_at)
			values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
			q.Site, q.Account, q.hash(), hex.EncodeToString(q.Digest[:]), t.id, db.Millis(now))
		if fresh = n == 1; fresh || err != nil {
			return err
		}
		if was, err = look(ctx, tx, q); err != nil || was.ended != 0 || was.request != hex.EncodeToString(q.Digest[:]) {
			return err
		}
		n, err = tx.Exec(ctx, `update access_repeat set turn = $1, began_at = $2
			where site_id = $3 and account = $4 and key_hash = $5 and ended_at = 0 and began_at < $6`,
			t.id, db.Millis(now), q.Site, q.Account, q.hash(), db.Millis(now.Add(-lapse)))
		fresh = n == 1 // whoever had the turn is gone
		return err
	})
	switch {
	case err != nil:
		return nil, nil, err
	case fresh:
		return nil, t, nil
	case was.request != hex.EncodeToString(q.Digest[:]):
		return nil, nil, ErrOther
	case was.ended == 0:
		return nil, nil, ErrAtWork
	case was.answer == nil:
		return nil, nil, ErrForgotten
	}
	a, err := r.unseal(q, was.answer)
	return a, nil, err
}

// A row is what the table holds.
type row struct {
	request string
	ended   int64
	answer  []byte
}

func look(ctx context.Context, tx *db.Tx, q Request) (w row, err error) {
	err = tx.QueryRow(ctx, `select request_hash, ended_at, answer from access_repeat where site_id = $1 and account = $2 and key_hash = $3`,
		q.Site, q.Account, q.hash()).Scan(&w.request, &w.ended, &w.answer)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrAtWork // it went away this moment: the client asks again
	}
	return w, err
}

// Done keeps the answer. It does so although whoever asked has left.
func (t *Turn) Done(ctx context.Context, a Answer) error {
	ctx = context.WithoutCancel(ctx)
	sealed, err := t.register.seal(t.request, a)
	if err != nil {
		return err
	}
	return t.register.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update access_repeat set ended_at = $1, status = $2, answer = $3
			where site_id = $4 and account = $5 and key_hash = $6 and turn = $7`, db.Millis(t.register.now()), int64(a.Status), sealed,
			t.request.Site, t.request.Account, t.request.hash(), t.id)
		return err
	})
}

// Forget ends a turn that had no effect: the request may be sent again as if new.
func (t *Turn) Forget(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	return t.register.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `delete from access_repeat where site_id = $1 and account = $2 and key_hash = $3 and turn = $4 and ended_at = 0`,
			t.request.Site, t.request.Account, t.request.hash(), t.id)
		return err
	})
}

// pack writes an answer.
func pack(a Answer) ([]byte, error) {
	text, err := json.Marshal(a)
	return text, fault.As(fault.Internal, err)
}

func unpack(text []byte) (*Answer, error) {
	a := &Answer{}
	return a, fault.As(fault.Internal, json.Unmarshal(text, a))
}
