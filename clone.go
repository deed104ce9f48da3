package linger

import "reflect"

// Clone returns a Transport with the same settings, without its connections and
// registered protocols, as http.Transport.Clone does.
func (t *Transport) Clone() *Transport {
	c := new(Transport)
	from, to := reflect.ValueOf(t).Elem(), reflect.ValueOf(c).Elem()
	for i := range to.NumField() {
		if to.Type().Field(i).IsExported() {
			to.Field(i).Set(from.Field(i))
		}
	}
	c.ProxyConnectHeader = t.ProxyConnectHeader.Clone()
	c.TLSClientConfig = t.TLSClientConfig.Clone()
	if t.Protocols != nil {
		p := *t.Protocols
		c.Protocols = &p
	}
	if t.HTTP2 != nil {
		h2 := *t.HTTP2
		c.HTTP2 = &h2
	}
	return c
}
