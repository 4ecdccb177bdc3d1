package demo_test

import (
	"context"
	"testing"
	"time"

	"radagora/content"
	"radagora/demo"
)

// open returns the embedded content with sources over it.
func open(t testing.TB, sources ...content.Source) *content.Library {
	t.Helper()
	library, err := content.Open(sources...)
	if err != nil {
		t.Fatal(err)
	}
	return library
}

var _ = time.Now
var _ context.Context
var _ demo.Size
