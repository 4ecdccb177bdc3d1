package journal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"radagora/db"
	"radagora/journal"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithCancel(context.Background())
	d, err := db.Open(ctx, "sqlite:"+filepath.Join(dir, "radagora.db"), db.Options{})
	if err != nil {
		panic(err)
	}
	defer d.Close()
	j, err := journal.Open(ctx, d, journal.Options{MasterKey: [32]byte{1}}) // in truth from a file
	if err != nil {
		panic(err)
	}
	ended := make(chan error, 2)
	go func() { ended <- j.Run(ctx) }()
	go func() {
		ended <- j.Follow(ctx, "rooms", []string{"site.*"}, func(_ context.Context, _ *db.Tx, batch []journal.Entry) error {
			for _, e := range batch {
				fmt.Println(e.Seq, e.Kind, string(e.Data))
			}
			return nil
		})
	}()
	err = d.Write(ctx, func(tx *db.Tx) error {
		return j.Append(ctx, tx, journal.Entry{
			Site: "main", Actor: "user:physicist", Kind: "site.room.named", Subject: "room-1", Data: json.RawMessage(`{"name":"CT 1"}`),
		})
	})
	if err != nil {
		panic(err)
	}
	if err := j.Wait(ctx, "rooms"); err != nil {
		panic(err)
	}
	stop()
	fmt.Println(<-ended, <-ended)
	// Output:
	// 1 site.room.named {"name":"CT 1"}
	// <nil> <nil>
}
