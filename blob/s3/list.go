package s3

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/minio/minio-go/v7"

	"radagora/fault"
)

// errSilent is why a listing was given up.
var errSilent = errors.New("no answer in time")

// listing yields what begin lists, with what stands in it as an error. The store may take
// timeout for each item, of which a page of answers brings many; how long whoever takes
// them needs does not count. What is not taken is not fetched. Unavailable: it takes
// longer.
func listing[T any](ctx context.Context, timeout time.Duration, begin func(context.Context) <-chan T, failed func(T) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		var none T
		waits := time.AfterFunc(timeout, func() { cancel(errSilent) })
		defer waits.Stop()
		for item := range begin(ctx) {
			waits.Stop()
			if ctx.Err() != nil {
				break
			}
			if err := failed(item); err != nil {
				yield(none, err)
				return
			}
			if !yield(item, nil) {
				return
			}
			waits.Reset(timeout)
		}
		switch err := context.Cause(ctx); {
		case errors.Is(err, errSilent):
			yield(none, fault.Errorf(fault.Unavailable, "object store: %w", err))
		case err != nil:
			yield(none, err)
		}
	}
}

// listed yields objects.
func listed(ctx context.Context, c minio.Core, bucket string, timeout time.Duration, o minio.ListObjectsOptions) iter.Seq2[minio.ObjectInfo, error] {
	return listing(ctx, timeout, func(ctx context.Context) <-chan minio.ObjectInfo { return c.Client.ListObjects(ctx, bucket, o) },
		func(i minio.ObjectInfo) error { return i.Err })
}

// unfinishedUploads yields what is being written, or was left in the middle of it.
func unfinishedUploads(ctx context.Context, c minio.Core, bucket, prefix string, timeout time.Duration) iter.Seq2[minio.ObjectMultipartInfo, error] {
	return listing(ctx, timeout, func(ctx context.Context) <-chan minio.ObjectMultipartInfo {
		return c.ListIncompleteUploads(ctx, bucket, prefix, true)
	}, func(i minio.ObjectMultipartInfo) error { return i.Err })
}
