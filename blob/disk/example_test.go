package disk_test

import (
	"context"
	"fmt"
	"io"
	"os"

	"radagora/blob"
	"radagora/blob/disk"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "packs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	s, err := disk.Open(dir, disk.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()

	w, err := s.Create(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = w.Abort() }()
	fmt.Fprint(w, "Every measurement stands beside its reference.")
	ref, durable, err := w.Finish(ctx)
	if err == nil {
		err = durable(ctx) // only now may anybody be told
	}
	if err != nil {
		fmt.Println(err)
		return
	}

	o, err := s.Open(ctx, ref)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer o.Close()
	part, _ := io.ReadAll(io.NewSectionReader(o, 6, 11))
	fmt.Printf("%s, %d bytes, %v\n", part, ref.Length, blob.Verify(ctx, s, ref))
	// Output: measurement, 46 bytes, <nil>
}
