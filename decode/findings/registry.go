package findings

import (
	"strings"
)

// finders are what an entry of the catalogue can name to look for evidence
// beyond a reply. Those with arguments have them in the entry, after the name.
var finders = map[string]any{
	"accepted-by-catcher":       acceptedByCatcher,
	"bad-date":                  badDate,
	"bad-from":                  badFrom,
	"bad-message-id":            badMessageID,
	"broken-mime":               brokenMIME,
	"checks-off":                checksOff,
	"data-as-commands":          dataAsCommands,
	"debug-shows":               debugShows,
	"dial-failed":               dialFailed,
	"dots-doubled":              dotsDoubled,
	"dots-missing":              dotsMissing,
	"duplicate-fields":          duplicateFields,
	"ehlo-after-auth":           ehloAfterAuth,
	"eight-bit-body":            eightBitBody,
	"eight-bit-fields":          eightBitFields,
	"empty-credentials":         emptyCredentials,
	"empty-sender-taken":        emptySenderTaken,
	"empty-token":               emptyToken,
	"ended-for":                 endedFor,
	"expires-soon":              expiresSoon,
	"fold-lost":                 foldLost,
	"from-mismatch":             fromMismatch,
	"goes-on-after-refusal":     goesOnAfterRefusal,
	"helo-after-421":            heloAfter421,
	"helo-only":                 heloOnly,
	"idle-client":               idleClient,
	"ignored-greeting":          ignoredGreeting,
	"injected":                  injected,
	"inspected":                 inspected,
	"lacks-field":               lacksField,
	"last-line-missed":          lastLineMissed,
	"late-dial":                 lateDial,
	"late-dns":                  lateDNS,
	"late-greeting":             lateGreeting,
	"late-replies":              lateReplies,
	"late-tls":                  lateTLS,
	"left-without-quit":         leftWithoutQuit,
	"login-mismatch":            loginMismatch,
	"lost":                      lost,
	"malformed-path":            malformedPath,
	"malformed-reply":           malformedReply,
	"malformed-with":            malformedWith,
	"mechanism-not-offered":     mechanismNotOffered,
	"name-without-domain":       nameWithoutDomain,
	"needless-smtputf8":         needlessSMTPUTF8,
	"no-ehlo-after-tls":         noEHLOAfterTLS,
	"no-final-dot":              noFinalDot,
	"no-recipient-field":        noRecipientField,
	"no-separator":              noSeparator,
	"no-server":                 noServer,
	"end-lookalikes":            endLookalikes,
	"false-end-taken":           falseEndTaken,
	"early-reply":               earlyReply,
	"noted":                     noted,
	"null-mx":                   nullMX,
	"odd-name":                  oddName,
	"old-auth-form":             oldAuthForm,
	"old-tls":                   oldTLS,
	"out-of-step":               outOfStep,
	"over-size":                 overSize,
	"password-in-clear":         passwordInClear,
	"password-instead-of-token": passwordInsteadOfToken,
	"plain-in-tls":              plainInTLS,
	"plain-on-tls-port":         plainOnTLSPort,
	"proxy-header":              proxyHeader,
	"quit-after-dead":           quitAfterDead,
	"quit-before-login":         quitBeforeLogin,
	"redirected":                redirected,
	"refused-then-quit":         refusedThenQuit,
	"refused-with":              refusedWith,
	"reply-charset":             replyCharset,
	"reset-after-tls":           resetAfterTLS,
	"ruled":                     ruled,
	"several-auth-lines":        severalAuthLines,
	"some-refused":              someRefused,
	"spoke-too-early":           spokeTooEarly,
	"sticky-smtputf8":           stickySMTPUTF8,
	"stray-credentials":         strayCredentials,
	"submit-on-25":              submitOn25,
	"tls-failed":                tlsFailed,
	"tls-on-plain-port":         tlsOnPlainPort,
	"token-refused":             tokenRefused,
	"unknown-secure":            unknownSecure,
	"unverified":                unverified,
	"utf8-address":              utf8Address,
	"visitor-sender":            visitorSender,
	"word-problem":              wordProblem,
	"wrapped-base64":            wrappedBase64,
	"wrong-charset":             wrongCharset,
	"wrong-service":             wrongService,
}

// predicates are what a condition of the catalogue can name to look at more
// than its reply.
var predicates = map[string]any{
	"after-message":           afterMessage,
	"answers-nothing":         answersNothing,
	"cancelled":               cancelled,
	"eight-bit-path":          eightBitPath,
	"client-asked":            clientAsked,
	"credentials-sent":        credentialsSent,
	"digest-in-doubt":         digestInDoubt,
	"empty-recipient":         emptyRecipient,
	"empty-sender":            emptySender,
	"has-unlisted-params":     hasUnlistedParams,
	"inside-tls":              insideTLS,
	"login-at-once":           loginAtOnce,
	"login-on-offer":          loginOnOffer,
	"long-token":              longToken,
	"mechanism-missing":       mechanismMissing,
	"nameless":                nameless,
	"no-recipient-refused":    noRecipientRefused,
	"no-tls-yet":              noTLSYet,
	"not-dmarc-advice":        notDMARCAdvice,
	"not-for-smtputf8-param":  notForSMTPUTF8Param,
	"not-local-fault":         notLocalFault,
	"not-in-chunk":            notInChunk,
	"not-tls-bytes":           notTLSBytes,
	"not-user-text":           notUserText,
	"nothing-refused":         nothingRefused,
	"odd-blanks":              oddBlanks,
	"orphaned":                orphaned,
	"plain-alone":             plainAlone,
	"refused-token":           refusedToken,
	"refuses-visitor":         refusesVisitor,
	"sender-no-address":       senderNoAddress,
	"single-replies-of-login": singleRepliesOfLogin,
	"without-login":           withoutLogin,
}

// A predicate says whether a condition holds for a reply in its session.
type predicate = func(*session, *reply) bool

// named is the function that an entry of the catalogue names, made with its
// arguments. A name that is not known is a mistake in the catalogue, which a
// test finds.
func named[F any](spec string, known map[string]any) F {
	name, rest, _ := strings.Cut(spec, " ")
	args := strings.Fields(rest)
	switch f := known[name].(type) {
	case F:
		return f
	case func(string) F:
		return f(rest)
	case func(...string) F:
		return f(args...)
	}
	panic("the catalogue names " + name + ", which is not in the registry")
}
