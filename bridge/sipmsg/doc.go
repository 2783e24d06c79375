// Package sipmsg finds things in SIP messages where they lie: one pass over the header
// section, nothing copied, nothing allocated. It is for whoever changes a few bytes of a
// message and hands the rest on, as a proxy does.
package sipmsg
