package db_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing/fstest"

	"radagora/db"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	d, err := db.Open(ctx, "sqlite:"+filepath.Join(dir, "radagora.db"), db.Options{})
	if err != nil {
		panic(err)
	}
	defer d.Close()

	files := fstest.MapFS{"0001_room.sql": {Data: []byte("-- +goose Up\ncreate table room (id text not null primary key, name text not null);")}}
	if err := d.Migrate(ctx, "site", files); err != nil {
		panic(err)
	}
	err = d.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "insert into room (id, name) values ($1, $2), ($3, $4)", db.NewID(), "CT 1", db.NewID(), "CT 2")
		return err
	})
	if err != nil {
		panic(err)
	}
	names, err := db.List(ctx, d, func(r *db.Rows) (name string, err error) {
		return name, r.Scan(&name)
	}, "select name from room order by name")
	fmt.Println(names, err)
	// Output: [CT 1 CT 2] <nil>
}
