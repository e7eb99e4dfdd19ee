// A table that is wider than the window, as on a phone, becomes blocks of lines with the names of its columns in front.
window.addEventListener("load", () => {
  for (const code of document.querySelectorAll("article table.docutils code *, article table.docutils code")) {
    if (code.childElementCount) continue // names are broken behind underscores, not within words
    code.replaceChildren(...code.textContent.split(/(?<=_)/).flatMap((part, i) => i ? [document.createElement("wbr"), part] : [part]))
  }
  for (const table of document.querySelectorAll("article table.docutils:not(.stacked)")) {
    const room = table.closest(".table-wrapper") ?? table.parentElement
    const names = [...table.querySelectorAll("thead th")].map(head => head.innerText)
    if (!names.length || table.scrollWidth <= room.clientWidth) continue
    for (const row of table.querySelectorAll("tbody tr")) [...row.cells].forEach((cell, i) => { cell.dataset.label = names[i] ?? "" })
    table.classList.add("stacked")
  }
})
