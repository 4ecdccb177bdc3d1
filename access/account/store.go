package account

import (
	"context"
	"encoding/json"
	"time"

	"radagora/db"
	"radagora/site"
)

// A store keeps what belongs to the tokens of scs: little more than the id of a
// session. It sees tokens only as scs hashes them.
type store struct{ *Register }

// FindCtx implements scs.CtxStore.
func (s store) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var data []byte
	err := s.db.QueryRow(ctx, `select data from account_cookie where token_hash = $1 and until_at > $2`, token, s.now()).Scan(&data)
	return data, err == nil, absent(err)
}

// CommitCtx implements scs.CtxStore.
func (s store) CommitCtx(ctx context.Context, token string, data []byte, until time.Time) error {
	ctx = context.WithoutCancel(ctx)
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into account_cookie (token_hash, site_id, data, until_at) values ($1, $2, $3, $4)
			on conflict (token_hash) do update set data = $3, until_at = $4`, token, site.Default, data, db.Millis(until))
		return err
	})
}

// DeleteCtx implements scs.CtxStore.
func (s store) DeleteCtx(ctx context.Context, token string) error {
	ctx = context.WithoutCancel(ctx)
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `delete from account_cookie where token_hash = $1`, token)
		return err
	})
}

// Find implements scs.Store.
func (s store) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit implements scs.Store.
func (s store) Commit(token string, data []byte, until time.Time) error {
	return s.CommitCtx(context.Background(), token, data, until)
}

// Delete implements scs.Store.
func (s store) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// A codec writes what belongs to a token as JSON. All values are texts.
type codec struct{}

// kept is the form of it.
type kept struct {
	Deadline int64             `json:"deadline"`
	Values   map[string]string `json:"values"`
}

// Encode implements scs.Codec.
func (codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	k := kept{Deadline: db.Millis(deadline), Values: map[string]string{}}
	for name, v := range values {
		if text, ok := v.(string); ok {
			k.Values[name] = text
		}
	}
	return json.Marshal(k)
}

// Decode implements scs.Codec.
func (codec) Decode(data []byte) (time.Time, map[string]any, error) {
	var k kept
	if err := json.Unmarshal(data, &k); err != nil {
		return time.Time{}, nil, err
	}
	values := map[string]any{}
	for name, text := range k.Values {
		values[name] = text
	}
	return db.FromMillis(k.Deadline), values, nil
}
