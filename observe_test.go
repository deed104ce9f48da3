package linger

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/lingerhttp/linger/timeline"
)

// TestWithObserve: each request shows its exchange to its own observers, the
// innermost first, and then to the Transport's, once each.
func TestWithObserve(t *testing.T) {
	everywhere(t, http.HandlerFunc(kinds), func(t *testing.T, w *watched, url string) {
		var order []string
		var shown *timeline.Exchange
		w.Observe = func(e *timeline.Exchange) {
			order = append(order, "transport")
			w.observe(e)
		}
		observer := func(name string) func(*timeline.Exchange) {
			return func(e *timeline.Exchange) {
				order = append(order, name)
				shown = e
			}
		}
		ctx := WithObserve(WithObserve(context.Background(), observer("outer")), observer("inner"))
		a := w.do(request(t, "GET", url+"/with", "").WithContext(ctx))
		if a.err != nil || shown != a.e {
			t.Errorf("%v: shown %p, the response's is %p", a.err, shown, a.e)
		}
		if want := []string{"inner", "outer", "transport"}; !slices.Equal(order, want) {
			t.Errorf("shown to %v, not to %v", order, want)
		}
		order, shown = nil, nil
		w.get(url + "/without")
		if want := []string{"transport"}; !slices.Equal(order, want) {
			t.Errorf("shown to %v, not to %v", order, want)
		}
	})
}

// TestWithObserveFailure: an exchange that fails is shown before RoundTrip returns.
func TestWithObserveFailure(t *testing.T) {
	w := watch(t, persistent)
	var shown *timeline.Exchange
	ctx := WithObserve(context.Background(), func(e *timeline.Exchange) { shown = e })
	req := request(t, "GET", "http://host/", "").WithContext(ctx)
	req.Method = "BAD METHOD"
	_, err := w.RoundTrip(req)
	if err == nil || shown == nil || shown != timeline.OfError(err) || shown.Error == "" {
		t.Errorf("%v: shown %+v", err, shown)
	}
}
