package job_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"radagora/db"
	"radagora/job"
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
	q, err := job.Open(ctx, d, &book{}, job.Options{}) // in truth *journal.Journal
	if err != nil {
		panic(err)
	}
	q.Handle("notice.mail.send", func(_ context.Context, j job.Job) error {
		fmt.Println("attempt", j.Attempt, string(j.Args))
		stop()
		return nil
	})
	err = d.Write(ctx, func(tx *db.Tx) error {
		return q.Add(ctx, tx, job.Job{Kind: "notice.mail.send", Args: json.RawMessage(`{"account":"7"}`)})
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(q.Run(ctx))
	// Output:
	// attempt 1 {"account":"7"}
	// <nil>
}
