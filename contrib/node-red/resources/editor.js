/** What the editors of the nodes share. The file of each node loads it, so it only defines functions. */
'use strict'

window.triplineEditor ??= (function () {
  /**
   * Checks a field with a number as the runtime does. An empty one has its default, and `${NAME}` is a variable of the
   * environment.
   */
  function numberField(name, min, max, whole = false) {
    // Node-RED shows the text as the reason only if the function has two parameters.
    return function (given, _options) {
      const text = String(given ?? '').trim()
      if (text === '' || /^\$\{[^}]+\}$/.test(text)) return true
      const number = Number(text)
      if (number >= min && number <= max && (!whole || Number.isInteger(number))) return true
      return `${name} must be ${whole ? 'a whole number' : 'a number'} from ${min} to ${max}`
    }
  }

  /** Makes a list that can be sorted, with `add` for the fields of each item, and fills it. */
  function fillList(list, items, add, addButton, { height = '160px', width = '300px' } = {}) {
    let isFilled = false
    list.css({ 'min-height': height, 'min-width': width }).editableList({
      addItem(container, _index, item) {
        add(container, item)
        // A new one comes into view by that; the others leave the first in view.
        if (isFilled) setTimeout(() => container.find('input:visible').first().trigger('focus'))
      },
      removable: true,
      sortable: true,
      scrollOnAdd: false,
      addButton,
    })
    for (const item of items ?? []) list.editableList('addItem', item)
    isFilled = true
  }

  /** A flow file may leave fields out; the runtime then takes the first choice, too. */
  function showChoices(...names) {
    for (const name of names) {
      const select = $(`#node-input-${name}`)
      if (select.val() === null) select.prop('selectedIndex', 0)
    }
  }

  /** What `read` returns for each item of such a list. */
  function readList(list, read) {
    const items = list.editableList('items').toArray()
    return items.map((item) => read($(item)))
  }

  /** Offers the metrics of the machine on which the flows run. Names and reasons are set as text, never as HTML. */
  function offerMetrics(datalist, problem) {
    $.getJSON('tripline/metrics')
      .done((metrics) => {
        for (const { metric, unit, available, why } of metrics) {
          const option = $('<option/>').val(metric).appendTo(datalist)
          option.text(available ? unit : `missing here: ${why}`)
        }
      })
      .fail((response) => problem.text(response.responseJSON?.error ?? 'no list of metrics'))
  }

  /** What `registerType` gets of every node. */
  function looks(paletteLabel, color, icon, fallback = () => '') {
    return {
      category: 'tripline',
      paletteLabel,
      color,
      icon: `font-awesome/${icon}`,
      inputs: 1,
      label() {
        return this.name || fallback(this) || paletteLabel
      },
      labelStyle() {
        return this.name ? 'node_label_italic' : ''
      },
    }
  }

  return { fillList, looks, numberField, offerMetrics, readList, showChoices }
})()
