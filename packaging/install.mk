# make install DESTDIR= prefix=/usr: what a package has.  Configurations that
# are there already are kept; the new ones go beside them as NAME.new.

docdir ?= $(prefix)/share/doc/sluice
sysusersdir ?= $(prefix)/lib/sysusers.d
tmpfilesdir ?= $(prefix)/lib/tmpfiles.d
pkgconfigdir ?= $(libdir)/pkgconfig
mandir ?= $(prefix)/share/man
bashcompdir ?= $(prefix)/share/bash-completion/completions
zshcompdir ?= $(prefix)/share/zsh/site-functions
fishcompdir ?= $(prefix)/share/fish/vendor_completions.d
D = $(DESTDIR)

# The files name the default places.
installed_paths = sed -e 's|/usr/sbin/|$(sbindir)/|g' -e 's|/etc/sluice|$(sysconfdir)/sluice|g'
pc_values = sed -e 's|@prefix@|$(prefix)|' -e 's|@includedir@|$(includedir)|' \
  -e 's|@plugindir@|$(plugindir)|' -e 's|@version@|$(VERSION)|'

# Manual pages are written for scdoc; without it there are none.
have_scdoc := $(shell command -v scdoc)
man_pages := $(if $(have_scdoc),$(patsubst packaging/man/%.scd,$(O)/man/%,$(wildcard packaging/man/*.scd)))
$(O)/man/%: packaging/man/%.scd
	@mkdir -p $(@D)
	$(call say,MAN,$@)scdoc <$< >$@.new && $(installed_paths) $@.new >$@ && rm $@.new
man: $(man_pages)
.PHONY: man

install: all man
	$(Q)install -d $(D)$(bindir) $(D)$(sbindir) $(D)$(plugindir) $(D)$(includedir)/sluice \
	  $(D)$(pkgconfigdir) $(D)$(unitdir) $(D)$(sysusersdir) $(D)$(tmpfilesdir) $(D)$(docdir) \
	  $(D)$(sysconfdir)/sluice/shipper.d $(D)$(sysconfdir)/sluice/aggregator.d
	$(Q)for p in $(filter-out %/logq,$(programs)); do install -m 755 $$p $(D)$(sbindir)/; done
	$(Q)for p in $(filter %/logq,$(programs)); do install -m 755 $$p $(D)$(bindir)/; done
	$(Q)install -m 644 $(plugins) $(D)$(plugindir)/
	$(Q)install -m 644 common/api/filter.h $(D)$(includedir)/sluice/filter.h
	$(Q)$(pc_values) packaging/sluice-filter.pc.in >$(D)$(pkgconfigdir)/sluice-filter.pc
	$(Q)for u in shipper aggregator; do \
	  $(installed_paths) packaging/systemd/$$u.service >$(D)$(unitdir)/$$u.service; done
	$(Q)install -m 644 packaging/sysusers.d/sluice.conf $(D)$(sysusersdir)/sluice.conf
	$(Q)$(installed_paths) packaging/tmpfiles.d/sluice.conf >$(D)$(tmpfilesdir)/sluice.conf
	$(Q)for c in shipper aggregator; do \
	  to=$(D)$(sysconfdir)/sluice/$$c.yaml; \
	  cmp -s packaging/config/$$c.yaml $$to && continue; \
	  [ ! -e $$to ] || to=$$to.new; \
	  install -m 644 packaging/config/$$c.yaml $$to; done
	$(Q)[ -n "$(man_pages)" ] || echo "scdoc is not installed: no manual pages" >&2
	$(Q)for m in $(man_pages); do \
	  install -D -m 644 $$m $(D)$(mandir)/man$${m##*.}/$${m##*/}; done
	$(Q)install -D -m 644 packaging/completion/logq.bash $(D)$(bashcompdir)/logq
	$(Q)install -D -m 644 packaging/completion/logq.zsh $(D)$(zshcompdir)/_logq
	$(Q)install -D -m 644 packaging/completion/logq.fish $(D)$(fishcompdir)/logq.fish
	$(Q)install -m 644 LICENSE README.md $(D)$(docdir)/
	$(Q)install -m 644 filters/README.md $(D)$(docdir)/filters.md
.PHONY: install
